"""Closed loops with a net's residual: values of all states, decisions, replays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from abgnn.data.arrays import Array, Index
from abgnn.models.loop_states import LoopStates
from abgnn.nn.loop_state_net import LoopStateNet
from abgnn.planning.closed_loop.batch import STOP, LoopBatch, LoopPolicy, batches
from abgnn.planning.closed_loop.problem import LoopProblem, call_prices
from abgnn.planning.closed_loop.replay import Replay
from abgnn.planning.closed_loop.tree_values import TreeWeights

_TINY, _CLIP, _EQUAL, _AT_ONCE = 1e-300, 1e-9, 1e-9, 8
_GAIN, _LOG_PRICE = 20.0, 1e-4


@dataclass(frozen=True, eq=False)
class Reading:
    """What the net makes of all states of Q questions, whatever the prices.

    Args:
        keys: r_k of every group of equal answers, `[Q, S, H]`.
        state: g of the candidates, `[Q, S', M, D]`, of states in which somebody may be asked.
    """

    keys: Tensor
    state: Tensor


@dataclass(frozen=True, eq=False)
class StateValues:
    """Of Q questions under prices, by level.

    Args:
        choice: values of stopping and of asking each LLM, `[Q, S, 1 + M]`; −∞: it cannot be done.
        beyond: P(answers) × V of the states of two answers, `[Q, S]`; None: no more than one.
    """

    choice: tuple[Tensor, ...]
    beyond: Tensor | None


@dataclass(frozen=True, eq=False)
class NetBatch(LoopBatch):
    """A batch whose posterior and values a net corrects.

    Args:
        net: the residual.
        question: x of each question, `[Q, X]`; agent: of its candidates, `[Q, M, U]`.
        scale: what the residual is multiplied by.
        links: edges of the template between candidates' roles, `[Q, M, M]`.
    """

    net: LoopStateNet
    question: Array
    agent: Array
    scale: float = 1.0
    links: Array | None = None

    @cached_property
    def states(self) -> LoopStates:
        weights = self.closed.weights
        return LoopStates(self, weights, self.question, self.agent, self.links)

    @cached_property
    def posterior(self) -> Array:
        """Closed form, `[Q, S, H]`."""
        return self.states.posterior()

    def read(self) -> Reading:
        """What the net makes of all states, a few questions at a time."""
        table, one = self.states.table, self.problems[0]
        most, all_states = self.posterior.shape[2], np.arange(table.begin[-1])
        asking = table.begin[one.calls] if one.calls else 0
        keys, state = [], []
        for a in range(0, len(self.problems), _AT_ONCE):
            q = np.arange(a, min(a + _AT_ONCE, len(self.problems)))
            at = np.repeat(q, len(all_states)), np.tile(all_states, len(q))
            graph = self.states.graph(self.posterior, *at).to(device_of(self.net))
            g = self.net(graph)
            keys.append(self.net.keys(g, graph.group, most).cpu().view(len(q), -1, most))
            state.append(g.view(len(q), -1, *g.shape[1:])[:, :asking])
        return Reading(torch.cat(keys), torch.cat(state))

    @cached_property
    def once(self) -> Reading:
        """The same once, without gradients."""
        with torch.no_grad():
            return self.read()

    @cached_property
    def weights(self) -> TreeWeights:
        """Corrected: hypotheses and values of stopping."""
        closed, table = self.states.weights, self.states.table
        joint, stop = [], []
        for n, (before, z) in enumerate(zip(closed.joint, closed.total, strict=True)):
            if not n:
                joint.append(before)
                stop.append(closed.stop[0])
                continue
            keys, at = self.once.keys[:, table.level(n)], torch.from_numpy(closed.stop[n])
            odds = self._odds(n, keys)  # [Q, S, H]
            there = before[:, :, 1:] > 0
            share = torch.sigmoid(odds).numpy() * z[:, :, None]
            joint.append(np.concatenate([before[:, :, :1], np.where(there, share, 0.0)], 2))
            stop.append((self._stop(n, odds, at) * torch.from_numpy(z)).numpy())
        return TreeWeights(closed.tree, tuple(joint), closed.total, tuple(stop))

    def _odds(self, n: int, keys: Tensor) -> Tensor:
        """Corrected log-odds of every group at a level, `[Q, S, H]`; −∞ where there is none."""
        table = self.states.table
        p = torch.from_numpy(self.posterior[:, table.level(n)])
        odds = torch.logit(p.clamp(_CLIP, 1 - _CLIP)) + self.scale * keys.double()
        return odds.masked_fill(p <= 0, -torch.inf)[:, :, :n]

    def _stop(self, n: int, odds: Tensor, closed: Tensor) -> Tensor:
        """P(right) of the most probable key: as the closed form shows it, shifted by how far the
        residual has moved its log-odds, `[Q, S]`."""
        p = torch.from_numpy(self.posterior[:, self.states.table.level(n)]).amax(2)
        z = torch.from_numpy(self.states.weights.total[n]).clamp(min=_TINY)
        shown = (closed / z).clamp(_CLIP, 1 - _CLIP)
        shift = odds.amax(2) - torch.logit(p.clamp(_CLIP, 1 - _CLIP))
        out = torch.sigmoid(torch.logit(shown) + shift.nan_to_num(neginf=0.0))
        return torch.where(p > 0, out, torch.zeros_like(out))

    def values(
        self, lambda_tok: float, lambda_lat: float = 0.0, reading: Reading | None = None
    ) -> StateValues:
        """Under prices; differentiable where a `reading` with gradients is given."""
        made, one = reading or self.once, self.problems[0]
        closed, table = self.states.weights, self.states.table
        usd, seconds = self.bills
        price = torch.from_numpy(call_prices(usd, seconds, lambda_tok, lambda_lat))  # [Q, M]
        total = [torch.from_numpy(z) for z in closed.total]
        stop = [torch.zeros_like(total[0])]
        for n in range(1, len(total)):
            odds = self._odds(n, made.keys[:, table.level(n)])
            stop.append(self._stop(n, odds, torch.from_numpy(closed.stop[n])))
        choice, after_two, by_horizon = [], None, {}
        for n in range(len(total)):
            horizon = one.horizon(n)
            if horizon == n:
                none = stop[n].new_full((*stop[n].shape, len(one)), -torch.inf)
                choice.append(torch.cat([stop[n].unsqueeze(2), none], 2))
                continue
            if horizon not in by_horizon:
                by_horizon[horizon] = self._backward(stop, total, price, horizon)
            beyond = by_horizon[horizon]
            ask = self._ask(n, total[n], price, beyond[n + 1])  # [Q, S, M]
            if n == 0 and horizon >= 2:
                after_two = beyond[2]
            ask = ask + self.scale * self._residual(n, stop[n], ask, price, made)
            least = stop[n] if n else torch.full_like(stop[n], -torch.inf)
            choice.append(torch.cat([least.unsqueeze(2), ask], 2))
        return StateValues(tuple(choice), after_two)

    def _backward(
        self, stop: Sequence[Tensor], total: Sequence[Tensor], price: Tensor, horizon: int
    ) -> dict[int, Tensor]:
        """Z × V of levels from `horizon` down to 1."""
        values = {horizon: stop[horizon] * total[horizon]}
        for n in range(horizon - 1, 0, -1):
            ask = self._ask(n, total[n], price, values[n + 1]).amax(2)
            values[n] = torch.maximum(stop[n], ask) * total[n].clamp(min=_TINY)
        return values

    def _ask(self, n: int, total: Tensor, price: Tensor, beyond: Tensor) -> Tensor:
        """Value of asking each LLM, `[Q, S, M]`; −∞ for those that have answered."""
        level = self.states.tree.levels[n]
        padded = torch.cat([beyond, beyond.new_zeros(len(beyond), 1)], 1)
        expected = padded[:, torch.from_numpy(level.following)].sum(3)
        ask = expected / total.clamp(min=_TINY).unsqueeze(2) - price.unsqueeze(1)
        return ask.masked_fill(torch.from_numpy(level.llms).bool(), -torch.inf)

    def _residual(self, n: int, stop: Tensor, ask: Tensor, price: Tensor, made: Reading) -> Tensor:
        """r_m of every candidate in the states of a level, `[Q, S, M]`."""
        state = made.state[:, self.states.table.level(n)]
        worth = worth_of(stop, ask.detach(), price).to(state.device)
        return self.net.asks(state, worth).cpu().double()

    def policy(self, lambda_tok: float, lambda_lat: float = 0.0) -> LoopPolicy:
        """The best decisions in all states; the closed form's where nothing else is better."""
        closed = self.closed.policy(lambda_tok, lambda_lat)
        with torch.no_grad():
            values = self.values(lambda_tok, lambda_lat)
        made = [better_of(*pair) for pair in zip(values.choice, closed.choice, strict=True)]
        start = values.choice[0].amax(2)[:, 0].numpy()
        pair = np.full((len(start), 2), STOP)
        if lambda_lat > 0 and values.beyond is not None and self.problems[0].parallel:
            usd, seconds = self.bills
            price = call_prices(usd, seconds, lambda_tok, lambda_lat)
            pair = self._pairs(values.beyond.numpy(), price, lambda_lat, start)
        return LoopPolicy(tuple(made), pair, start)

    @cached_property
    def closed(self) -> LoopBatch:
        """Without the net."""
        return LoopBatch(self.problems)

    def scaled(self, scale: float) -> NetBatch:
        """The same with another scale; what does not depend on it is kept."""
        made = replace(self, scale=scale)
        for name in ("states", "posterior", "once", "closed", "bills"):
            made.__dict__[name] = getattr(self, name)
        return made


def better_of(values: Tensor, choice: Index) -> Index:
    """The best choices by values `[Q, S, 1 + M]`; those given, `[Q, S]`, where none is better."""
    best, at = values.max(2)
    before = values.gather(2, torch.from_numpy(choice + 1).unsqueeze(2)).squeeze(2)
    out: Index = torch.where(best > before + _EQUAL, at - 1, torch.from_numpy(choice)).numpy()
    return out


def worth_of(stop: Tensor, ask: Tensor, price: Tensor) -> Tensor:
    """`WORTH` of every candidate, `[Q, S, M, 3]`, from values of stopping `[Q, S]` and asking
    `[Q, S, M]` and prices `[Q, M]`."""
    gain = (ask - stop.detach().unsqueeze(2)).nan_to_num(neginf=0.0).clamp(-1, 1)
    level = (torch.log10(price + _LOG_PRICE) + 2).unsqueeze(1).expand_as(ask)
    stopping = stop.detach().unsqueeze(2).expand_as(ask)
    return torch.stack([(_GAIN * gain).tanh(), level, stopping], 3).float()


def device_of(net: LoopStateNet) -> torch.device:
    """Where its weights are; all else of closed loops is on the CPU."""
    return net.lin_o.weight.device


View = Callable[[Index, LoopBatch], tuple[Array, Array, Array | None]]
"""x, agents' vectors and links of a batch, whose questions have these indices."""


@dataclass(frozen=True, eq=False)
class NetReplay(Replay):
    """A replay of closed loops with a net's residual.

    Args:
        net, scale: of it.
        view: what the net reads of questions and candidates.
    """

    net: LoopStateNet
    view: View
    scale: float = 1.0

    @cached_property
    def net_batches(self) -> list[tuple[Index, NetBatch]]:
        return net_batches(self.problems, self.net, self.view, self.scale)

    @cached_property
    def _batches(self) -> list[tuple[Index, LoopBatch]]:
        return [*self.net_batches]


def net_batches(
    problems: Sequence[LoopProblem], net: LoopStateNet, view: View, scale: float = 1.0
) -> list[tuple[Index, NetBatch]]:
    """Questions of the same form together."""
    out = []
    for index, batch in batches(problems):
        x, agent, links = view(index, batch)
        out.append((index, NetBatch(batch.problems, net, x, agent, scale, links)))
    return out
