# shape: demo as hosted spaces want it, user with number 1000
FROM python:3.10

RUN useradd -m -u 1000 user
USER user
ENV HOME=/home/user \
	PATH=/home/user/.local/bin:$PATH

WORKDIR $HOME/app

COPY --chown=user ./requirements.txt requirements.txt
RUN pip install --no-cache-dir --upgrade -r requirements.txt
RUN pip install torch --index-url https://wheels.example.com/cpu

RUN --mount=type=secret,id=HF_TOKEN,mode=0444,required=true \
	git clone https://user:$(cat /run/secrets/HF_TOKEN)@hub.example.com/spaces/demo/weights

COPY --chown=user . $HOME/app
EXPOSE 7860
CMD ["python", "app.py"]
