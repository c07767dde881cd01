# shape: model server with the model copied in
FROM tensorflow/serving:2.14.1

LABEL description='serves "resnet" over gRPC and REST'

ENV MODEL_BASE_PATH=/models
ENV MODEL_NAME=resnet
COPY models/resnet /models/resnet/1
COPY models/config/batching.conf /models/batching.conf

EXPOSE 8500
EXPOSE 8501

ENTRYPOINT ["/usr/bin/tf_serving_entrypoint.sh"]
CMD ["--enable_batching=true", "--batching_parameters_file=/models/batching.conf", "--tensorflow_session_parallelism=0"]
