# shape: continuations with comments, empty lines and odd spacing in between
FROM    python:3.8-slim   AS    app

run   apt-get update   &&   \   
      # one

      apt-get install -y   \

        # two
        curl \
        git

	# a comment with a tab before it
Env   X=1   \
      Y="two words" \
      Z='single \
quoted'

LABEL a=b \
      # a label may be commented too
      "c d"="e f" \

      g=h
arg LONG=\
value
COPY \
  --chown=1000:1000 \
  # sources
  a.txt b.txt \
  # destination
  /dst/

cmd [ "python" , \
      "-c", \
      "print('x')" ]
