# One image for the app and for its migrations.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

COPY requirements.lock .
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

COPY manage.py ./
COPY messenger messenger
COPY accounts accounts
COPY chats chats
COPY messaging messaging
COPY moderation moderation
COPY presence presence
COPY locale locale
COPY templates templates
COPY static static
COPY clients/javascript clients/javascript

# The key is needed to start Django and used for nothing here.
RUN SECRET_KEY=only-to-collect-files python manage.py collectstatic --noinput --verbosity 0 \
 && useradd --system --no-create-home app
USER app

ENV HOST=0.0.0.0 PORT=8000
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
# Longer than the server takes to say goodbye to every socket.
STOPSIGNAL SIGTERM
CMD ["python", "manage.py", "serve"]
