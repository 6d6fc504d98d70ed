"""`Api`: one of OpenAI's APIs: how a question comes in and how its answer goes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from abgnn.serve.http.chat.reply import ChatReply
from abgnn.serve.http.chat.request import chat_request
from abgnn.serve.http.limits import ServeLimits
from abgnn.serve.http.reply import Reply
from abgnn.serve.http.request import AnswerRequest, Headers
from abgnn.serve.http.responses.reply import ResponsesReply
from abgnn.serve.http.responses.request import responses_request


@dataclass(frozen=True, slots=True)
class Api:
    """Everything between the two is the same for all of them (`QuestionHandler`).

    Args:
        path: that questions are posted to.
        read: makes a request of a body, or raises an ApiError.
        reply: makes the answer's objects, from a request and how calls are made.
    """

    path: str
    read: Callable[[bytes, Headers, ServeLimits], AnswerRequest]
    reply: Callable[[AnswerRequest, str], Reply]


APIS = (
    Api("/v1/chat/completions", chat_request, ChatReply),
    Api("/v1/responses", responses_request, ResponsesReply),
)
