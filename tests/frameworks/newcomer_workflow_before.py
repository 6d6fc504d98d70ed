"""Three agents of Agent Framework's answer a question, one after the other."""

import asyncio

from agent_framework import Agent
from agent_framework.openai import OpenAIChatCompletionClient
from agent_framework.orchestrations import SequentialBuilder


async def main() -> None:
    llm = OpenAIChatCompletionClient("gpt-4o")
    solver = Agent(llm, "You solve the problem step by step.", name="Solver")
    critic = Agent(llm, "You look for mistakes.", name="Critic")
    editor = Agent(llm, "You give the final answer.", name="Editor")
    workflow = SequentialBuilder(participants=[solver, critic, editor]).build()
    result = await workflow.run("What is 12 + 30?")
    print(result.get_outputs()[-1].text)


asyncio.run(main())
