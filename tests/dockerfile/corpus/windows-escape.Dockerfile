# escape=`
# shape: Windows image, backtick as escape, PowerShell
FROM mcr.microsoft.com/windows/servercore:ltsc2022

SHELL ["powershell", "-Command", "$ErrorActionPreference = 'Stop'; $ProgressPreference = 'SilentlyContinue';"]

ENV PYTHON_VERSION=3.11.8 `
    PYTHON_HOME=C:\Python

RUN $url = ('https://files.example.com/python/{0}/python-{0}-amd64.exe' -f $env:PYTHON_VERSION); `
    Write-Host ('Downloading {0} ...' -f $url); `
    Invoke-WebRequest -Uri $url -OutFile 'python.exe'; `
    # quiet, for all users
    Start-Process python.exe -Wait -ArgumentList @( `
        '/quiet', `
        'InstallAllUsers=1', `
        'TargetDir=C:\Python', `
        'PrependPath=1' `
    ); `
    Remove-Item python.exe -Force

WORKDIR C:\app
COPY requirements.txt C:\app\
RUN C:\Python\python.exe -m pip install --no-cache-dir -r requirements.txt

COPY . C:\app\
EXPOSE 8000
VOLUME ["C:\\data"]
USER ContainerUser
CMD ["C:\\Python\\python.exe", "-m", "waitress", "--port=8000", "app:app"]
