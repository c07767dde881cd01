# shape: ubuntu, python of the distribution, one package per line, upgrades
FROM ubuntu:latest

RUN apt-get update
RUN apt-get upgrade -y
RUN apt-get dist-upgrade -y
RUN apt-get install -y python3
RUN apt-get install -y python3-pip
RUN apt-get install -y build-essential
RUN apt-get install -y nodejs npm
RUN apt-get install -y sudo
RUN apt-get install -y vim
RUN apt-get clean

RUN pip3 install --break-system-packages numpy
RUN pip3 install --break-system-packages pandas
RUN pip3 install --break-system-packages tensorflow
RUN pip3 install --break-system-packages jupyter

ADD . /home/app
RUN cd /home/app && python3 setup.py install
RUN rm -rf /home/app/tests /home/app/.git

ENTRYPOINT python3 /home/app/main.py
