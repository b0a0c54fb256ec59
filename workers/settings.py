"""`arq workers.settings.WorkerSettings`: the worker run by arq's own command, set up from the environment.

arq ends when Redis does, so something has to start it again; `opsgraph worker` does that by itself.
"""

from runtime.settings import settings
from workers.service import options

WorkerSettings = type("WorkerSettings", (), options(settings()))
