from django.apps import AppConfig


class MessengerConfig(AppConfig):
    name = "messenger"

    def ready(self) -> None:
        # Registers what rebuilds events from the log.
        import messaging.selectors  # noqa: F401
        from messenger import checks  # noqa: F401
