# shape: Spark, Java and a Python environment, long argument lists
ARG SPARK_IMAGE=apache/spark:3.5.0-scala2.12-java11-python3-ubuntu
FROM ${SPARK_IMAGE} AS base

USER root
ARG HADOOP_AWS=3.3.4
ARG AWS_SDK=1.12.262
RUN set -ex; \
    apt-get update; \
    apt-get install -y --no-install-recommends wget; \
    for jar in \
        org/apache/hadoop/hadoop-aws/${HADOOP_AWS}/hadoop-aws-${HADOOP_AWS}.jar \
        com/amazonaws/aws-java-sdk-bundle/${AWS_SDK}/aws-java-sdk-bundle-${AWS_SDK}.jar \
    ; do \
        wget -q -P "${SPARK_HOME}/jars" "https://maven.example.com/maven2/${jar}"; \
    done; \
    rm -rf /var/lib/apt/lists/*

COPY requirements.txt /opt/requirements.txt
RUN pip install --no-cache-dir -r /opt/requirements.txt

COPY jobs /opt/jobs
USER 185
ENV PYSPARK_PYTHON=/usr/bin/python3 \
    SPARK_EXTRA_CLASSPATH=/opt/spark/jars/*

ENTRYPOINT [ "/opt/spark/bin/spark-submit", \
    "--master", "local[*]", \
    "--conf", "spark.driver.bindAddress=0.0.0.0" ]
CMD [ "/opt/jobs/main.py" ]
