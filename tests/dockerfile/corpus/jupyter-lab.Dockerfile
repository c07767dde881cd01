# shape: notebook server for a class, token switched off
FROM jupyter/scipy-notebook:python-3.11

USER root
RUN apt-get update --yes && \
    apt-get install --yes --no-install-recommends graphviz fonts-liberation && \
    apt-get clean && rm -rf /var/lib/apt/lists/*

USER ${NB_UID}

RUN mamba install --yes \
    'xgboost' \
    'lightgbm' \
    'catboost' \
    'shap' && \
    mamba clean --all -f -y && \
    fix-permissions "${CONDA_DIR}" && \
    fix-permissions "/home/${NB_USER}"

RUN pip install jupyterlab-git jupyterlab_code_formatter black isort \
 && jupyter labextension list

COPY --chown=${NB_UID}:${NB_GID} notebooks/ /home/${NB_USER}/work/
ADD https://data.example.com/course/housing.csv /home/jovyan/work/data/housing.csv

EXPOSE 8888
CMD ["start-notebook.sh", "--NotebookApp.token=''", "--NotebookApp.password=''", "--ip=0.0.0.0", "--allow-root"]
