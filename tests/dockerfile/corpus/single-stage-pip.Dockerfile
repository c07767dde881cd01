# shape: one stage, python, pip, everything copied first
FROM python:3.11

MAINTAINER ml-platform@example.com

ENV PYTHONUNBUFFERED 1
ENV APP_HOME /app

RUN apt-get update
RUN apt-get install -y gcc g++ git vim wget curl libgl1-mesa-glx libglib2.0-0

WORKDIR $APP_HOME

COPY . .

RUN pip install --upgrade pip
RUN pip install -r requirements.txt
RUN pip install gunicorn

RUN mkdir -p /app/logs
RUN chmod -R 777 /app/logs
RUN chown -R nobody:nogroup /app

EXPOSE 5000

CMD gunicorn --bind 0.0.0.0:5000 --workers 2 --timeout 120 app:app
