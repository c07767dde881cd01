# shape: framework image with notebooks, editors and a weak password
FROM tensorflow/tensorflow:2.13.0-gpu-jupyter

RUN apt update && apt install -y \
  git \
  htop \
  nano \
  && apt-get autoremove -y

RUN pip install pandas matplotlib seaborn scikit-learn opencv-python tensorflow-addons keras-tuner

RUN pip install torch torchvision

WORKDIR /tf/work
ADD . /tf/work

ENV JUPYTER_TOKEN=letmein
EXPOSE 8888 6006

CMD bash -c "source /etc/bash.bashrc && jupyter notebook --notebook-dir=/tf --ip 0.0.0.0 --no-browser --allow-root"
