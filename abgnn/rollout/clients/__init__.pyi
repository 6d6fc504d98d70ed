from .base import CallError as CallError
from .base import Client as Client
from .base import Completion as Completion
from .base import Messages as Messages
from .local import LocalClient as LocalClient
from .openai import OpenAIClient as OpenAIClient
from .recorded import RecordedClient as RecordedClient
from .simulated import SimulatedClient as SimulatedClient
