"""Two tables, as in most Django chats: chats with members, and messages."""

from django.contrib.auth.models import User
from django.db import models


class Chat(models.Model):
    """A conversation of any number of people."""

    name = models.CharField(max_length=100)
    members = models.ManyToManyField(User, related_name="chats")

    class Meta:
        app_label = "textbook"

    def __str__(self) -> str:
        return self.name


class Message(models.Model):
    """One message of a chat."""

    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="messages")
    sender = models.ForeignKey(User, on_delete=models.CASCADE, related_name="messages")
    text = models.TextField()
    timestamp = models.DateTimeField(auto_now_add=True)
    read_status = models.BooleanField(default=False)

    class Meta:
        app_label = "textbook"

    def __str__(self) -> str:
        return self.text
