# shape: R beside Python, packages by script
FROM rocker/tidyverse:4.3.2

RUN apt-get update -qq && apt-get -y --no-install-recommends install \
  libglpk-dev \
  libxt6 \
  python3-venv \
  && rm -rf /var/lib/apt/lists/*

RUN install2.r --error --skipinstalled --ncpus -1 \
    xgboost \
    plumber \
    reticulate \
 && rm -rf /tmp/downloaded_packages \
 && strip /usr/local/lib/R/site-library/*/libs/*.so

ENV RETICULATE_PYTHON=/opt/py/bin/python
RUN python3 -m venv /opt/py && /opt/py/bin/pip install --no-cache-dir polars==0.20.4

RUN R -e "options(repos = c(CRAN = 'https://packages.example.com/cran')); \
          install.packages('arrow')"

COPY plumber.R /app/plumber.R
EXPOSE 8004
ENTRYPOINT ["R", "-e", "pr <- plumber::plumb('/app/plumber.R'); pr$run(host='0.0.0.0', port=8004)"]
