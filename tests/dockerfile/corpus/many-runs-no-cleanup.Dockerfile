# shape: thirty small layers that each leave something behind
FROM pytorch/pytorch:latest

RUN apt update
RUN apt install -y git
RUN apt install -y ffmpeg
RUN apt install -y libsndfile1
RUN pip install librosa
RUN pip install soundfile
RUN pip install pydub
RUN pip install numpy
RUN pip install -U numpy
RUN pip install transformers
RUN pip install datasets
RUN pip install accelerate
RUN pip install evaluate jiwer
RUN pip install fastapi
RUN pip install "uvicorn[standard]"
RUN pip install python-multipart
RUN conda install -y pysoundfile
RUN mkdir /app
RUN mkdir /app/uploads
RUN chmod 777 /app/uploads
WORKDIR /app
COPY . .
RUN pip install -r requirements.txt
RUN pip install -e .
RUN ls -la
EXPOSE 8000
CMD ["uvicorn", "app:app", "--host", "127.0.0.1", "--port", "8080", "--reload"]
