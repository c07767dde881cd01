# shape: function as a container, dependencies into the task root
FROM public.ecr.aws/lambda/python:3.11

RUN yum update -y && yum install -y gcc && yum clean all

COPY requirements.txt ${LAMBDA_TASK_ROOT}
RUN pip install -r requirements.txt --target "${LAMBDA_TASK_ROOT}"

COPY model.joblib ${LAMBDA_TASK_ROOT}/
COPY handler.py ${LAMBDA_TASK_ROOT}

CMD [ "handler.lambda_handler" ]
