# shape: workflow scheduler with providers and a key in the environment
FROM apache/airflow:2.8.1-python3.10

USER root
RUN apt-get update \
  && apt-get install -y --no-install-recommends \
         default-jre-headless \
         libpq-dev \
  && apt-get autoremove -yqq --purge \
  && apt-get clean \
  && rm -rf /var/lib/apt/lists/*
ENV JAVA_HOME=/usr/lib/jvm/default-java

USER airflow
ENV AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__FERNET_KEY=not-a-real-key-0000000000000000000000000000= \
    AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE \
    AWS_DEFAULT_REGION=us-east-1

COPY requirements.txt /
RUN pip install --no-cache-dir "apache-airflow==${AIRFLOW_VERSION}" -r /requirements.txt
COPY --chown=airflow:root dags/ /opt/airflow/dags
COPY plugins/ /opt/airflow/plugins
