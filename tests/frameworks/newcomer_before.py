"""Three agents of AutoGen's answer a question, one after the other."""

import asyncio

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.models.openai import OpenAIChatCompletionClient


async def main() -> None:
    llm = OpenAIChatCompletionClient(model="gpt-4o")
    solver = AssistantAgent("Solver", llm, system_message="You solve the problem step by step.")
    critic = AssistantAgent("Critic", llm, system_message="You look for mistakes.")
    editor = AssistantAgent("Editor", llm, system_message="You give the final answer.")
    team = RoundRobinGroupChat([solver, critic, editor], max_turns=3)
    result = await team.run(task="What is 12 + 30?")
    print(result.messages[-1].to_text())


asyncio.run(main())
