"""New access tokens for the people of a workload, as real clients get them before theirs end."""

import json
from dataclasses import replace

from tests.faults.workload import Workload

_ISSUE = """
import json
from datetime import timedelta
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken
from accounts.models import User
from accounts.services import start_login
wanted = json.loads({wanted!r})
made = {{}}
for person in User.objects.filter(id__in=wanted["people"]):
    token = AccessToken(start_login(person).access)
    token.set_iat(at_time=timezone.now() - timedelta(seconds=wanted["ago"]))
    made[person.pk] = str(token)
print(json.dumps(made))
"""


async def renew(workload: Workload, *, ago: float = 0.0) -> None:
    """
    Everybody has another token from here on, issued so many seconds ago. Sockets that are open
    stay with theirs until they come back.
    """
    people = [one.id for members in workload.world.chats.values() for one in members]
    wanted = json.dumps({"people": people, "ago": ago})
    printed = await workload.cluster.manage("shell", "-c", _ISSUE.format(wanted=wanted))
    tokens = json.loads(printed.splitlines()[-1])
    for chat, members in workload.world.chats.items():
        workload.world.chats[chat] = [
            replace(one, token=tokens.get(str(one.id), one.token)) for one in members
        ]
    renewed = {one.id: one for members in workload.world.chats.values() for one in members}
    for client in workload.clients:
        client.person = renewed[client.person.id]
