# shape: function as a container, dependencies into the task root
FROM public.ecr.aws/lambda/python:3.11

RUN yum update -y && yum install -y gcc && yum clean all

COPY requirements.txt ${LAMBDA_TASK_ROOT}
RUN pip install -r requirements.txt --target "${LAMBDA_TASK_ROOT}"

COPY model.joblib ${LAMBDA_TASK_ROOT}/
COPY handler.py ${LAMBDA_TASK_ROOT}

# who made it, and from what
ARG BUILD_DATE
ARG REVISION=unknown
LABEL org.opencontainers.image.created="${BUILD_DATE}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.title="lambda-function" \
      org.opencontainers.image.vendor="Example"

CMD [ "handler.lambda_handler" ]
