from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MessengerConfig(AppConfig):
    name = "messenger"
    verbose_name = _("Messenger")

    def ready(self) -> None:
        # Registers what rebuilds events from the log.
        import messaging.selectors  # noqa: F401
        from messenger import checks  # noqa: F401
        from messenger.pages.sessions import watch_sign_outs

        watch_sign_outs()
