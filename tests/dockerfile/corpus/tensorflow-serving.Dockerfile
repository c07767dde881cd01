# shape: model server with the model copied in
FROM tensorflow/serving:2.14.1

LABEL description='serves "resnet" over gRPC and REST'

ENV MODEL_BASE_PATH=/models
ENV MODEL_NAME=resnet
COPY models/resnet /models/resnet/1
COPY models/config/batching.conf /models/batching.conf

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="tensorflow-serving" \
      org.opencontainers.image.vendor="Example"

EXPOSE 8500
EXPOSE 8501

ENTRYPOINT ["/usr/bin/tf_serving_entrypoint.sh"]
CMD ["--enable_batching=true", "--batching_parameters_file=/models/batching.conf", "--tensorflow_session_parallelism=0"]
