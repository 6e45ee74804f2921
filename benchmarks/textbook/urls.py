"""HTTP routes of the baseline."""

from django.urls import path

from .views import MessageList, healthz

urlpatterns = [
    path("healthz", healthz),
    path("api/v1/messages", MessageList.as_view()),
]
