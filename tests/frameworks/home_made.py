"""A pipeline of one's own: two drafts, a review of both, an answer; plugged into abgnn."""

from collections.abc import Iterator
from time import perf_counter

from openai import OpenAI

from abgnn.data.backbone import Usage
from abgnn.data.catalogue import Catalogue
from abgnn.data.template import Role
from abgnn.frameworks import Message
from abgnn.rollout import Plan

PROMPTS = {
    "Drafter": "You answer as well as you can.",
    "Sceptic": "You answer, and distrust the obvious.",
    "Reviewer": "You say which draft is right, and why.",
    "Editor": "You give the final answer in one line.",
}


class Pipeline:
    """Everything below was there before, but for `roles`, `edges` and what `run` yields."""

    roles = tuple(Role(name, prompt) for name, prompt in PROMPTS.items())
    edges = ((0, 2), (1, 2))  # the reviewer may read both drafts; the editor reads everybody

    def __init__(self, catalogue: str) -> None:
        self.llms = Catalogue.from_yaml(catalogue)

    def ask(self, model: str, prompt: str, text: str) -> tuple[str, Usage]:
        chat = [{"role": "system", "content": prompt}, {"role": "user", "content": text}]
        with OpenAI() as sdk:
            reply = sdk.chat.completions.create(model=model, messages=chat)
        used = Usage(reply.usage.prompt_tokens, reply.usage.completion_tokens)
        return reply.choices[0].message.content, used

    def run(self, plan: Plan) -> Iterator[Message]:
        said: dict[int, str] = {}
        for i, agent in enumerate(plan.agents):  # those that were chosen, the editor last
            told = [plan.query.text] + [said[u] for u, v in plan.edges if v == i]
            began = perf_counter()
            model = self.llms[agent.backbone].model
            said[i], used = self.ask(model, agent.role.prompt, "\n\n".join(told))
            yield Message(i, said[i], used, perf_counter() - began)
