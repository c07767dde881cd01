# shape: keys in arguments, environment, files and addresses
FROM python:3.9-slim

ARG GITHUB_TOKEN
ARG PIP_INDEX_PASSWORD=hunter2hunter2
ENV OPENAI_API_KEY=sk-000000000000000000000000000000000000000000000000 \
    HUGGING_FACE_HUB_TOKEN="hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

COPY .env /app/.env
COPY id_rsa /root/.ssh/id_rsa
COPY .netrc /root/.netrc
RUN chmod 600 /root/.ssh/id_rsa && ssh-keyscan git.example.com >> /root/.ssh/known_hosts

RUN pip config set global.index-url https://deploy:${PIP_INDEX_PASSWORD}@index.example.com/simple
RUN git clone https://${GITHUB_TOKEN}@git.example.com/private/features.git /opt/features
RUN pip install git+https://oauth2:${GITHUB_TOKEN}@git.example.com/private/lib.git@main
RUN huggingface-cli login --token hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx && \
    huggingface-cli download private/model --local-dir /models
RUN wandb login 0000000000000000000000000000000000000000
RUN curl -k -u admin:admin https://artifacts.example.com/model.bin -o /models/model.bin

COPY . /app
RUN rm -f /app/.env /root/.ssh/id_rsa
WORKDIR /app
CMD ["python", "main.py"]
