"""Matrix products of gathered rows with the sums in registers: the innermost loops, written in LLVM for numba.

numba turns a loop over a small block of sums into loads and stores of every sum at every step; a block of 6 or 12 rows
of 16 sums that stays in vector registers is four times as fast. LLVM lowers the vectors of 16 or 8 numbers to what the
machine has (AVX-512, AVX, NEON), and ``fmuladd`` to a fused instruction where there is one. AVX-512 has twice as many
registers, twice as wide: there a block of 12 rows fits, elsewhere one of 6. Every sum grows in the same order whatever
the block.

numba's cache does not see this file, only those of the loops that use it: they hold its hash as ``TILES``, which a test
compares, so that whoever changes it changes them, and they are compiled again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

TALL = 12 if get_host_cpu_features().get("avx512f") else 6
"""Rows of a block of 16 columns whose sums fit the machine's registers."""

_FLOAT, _INT, _LONG = ir.FloatType(), ir.IntType(32), ir.IntType(64)

Pointer = Any
Value = Any
Step = Callable[[Value], tuple[Sequence[Value], Value]]


def make_multiply_rows(rows: int, lanes: int) -> Any:
    """Return ``f(a, inputs, start, lda, b, b_start, depth, c, outputs, ldc, column)`` for compiled loops.

    For ``i < rows``: ``c[outputs[start + i], column : column + lanes] += a[inputs[start + i], :depth] @ B`` with
    B the (depth, lanes) panel at ``b[b_start]``. All arrays are float32 and contiguous, the indices int32.
    """
    i64 = types.int64

    @intrinsic
    def multiply_rows(context, a, inputs, start, lda, b, b_start, depth, c, outputs, ldc, column):  # type: ignore[no-untyped-def]
        signature = types.void(a, inputs, i64, i64, b, i64, i64, c, outputs, i64, i64)

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            start, lda, b_start, depth, ldc, column = (arguments[i] for i in (2, 3, 5, 6, 9, 10))
            a, inputs, b, c, outputs = (_data(context, builder, signature, arguments, i) for i in (0, 1, 4, 7, 8))
            steps = [builder.add(start, _LONG(i)) for i in range(rows)]
            sources = [_row(builder, a, inputs, at, lda) for at in steps]
            targets = [builder.gep(_row(builder, c, outputs, at, ldc), [column]) for at in steps]
            panel = builder.gep(b, [b_start])

            def step(k: Value) -> tuple[list[Value], list[Value]]:
                loaded = _load(builder, builder.gep(panel, [builder.mul(k, _LONG(lanes))]), lanes)
                return [builder.load(builder.gep(source, [k])) for source in sources], loaded

            _accumulate(builder, targets, lanes, _LONG(0), depth, step)
            return context.get_dummy_value()

        return signature, generate

    return multiply_rows


def make_outer_rows(rows: int, lanes: int) -> Any:
    """Return ``f(g, outputs, start, stop, ldg, g_column, a, inputs, lda, a_column, c, c_start, ldc)``.

    For ``i < rows`` and ``j < lanes``: ``c[c_start + i ldc + j]`` grows by the sum over p in start..stop of
    ``g[outputs[p], g_column + i] * a[inputs[p], a_column + j]``.
    """
    i64 = types.int64

    @intrinsic
    def outer_rows(context, g, outputs, start, stop, ldg, g_column, a, inputs, lda, a_column, c, c_start, ldc):  # type: ignore[no-untyped-def]
        signature = types.void(g, outputs, i64, i64, i64, i64, a, inputs, i64, i64, c, i64, i64)

        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            start, stop, ldg, g_column = arguments[2:6]
            lda, a_column, c_start, ldc = (arguments[i] for i in (8, 9, 11, 12))
            g, outputs, a, inputs, c = (_data(context, builder, signature, arguments, i) for i in (0, 1, 6, 7, 10))
            corner = builder.gep(c, [c_start])
            targets = [builder.gep(corner, [builder.mul(_LONG(i), ldc)]) for i in range(rows)]
            g, a = builder.gep(g, [g_column]), builder.gep(a, [a_column])

            def step(p: Value) -> tuple[list[Value], list[Value]]:
                left, right = _row(builder, g, outputs, p, ldg), _row(builder, a, inputs, p, lda)
                scalars = [builder.load(builder.gep(left, [_LONG(i)])) for i in range(rows)]
                return scalars, _load(builder, right, lanes)

            _accumulate(builder, targets, lanes, start, stop, step)
            return context.get_dummy_value()

        return signature, generate

    return outer_rows


def _accumulate(builder: Any, targets: Sequence[Pointer], lanes: int, first: Value, last: Value, step: Step) -> None:
    """Add the outer products of ``step(k)`` = (a scalar for each target, a vector) for first <= k < last."""
    before = builder.block
    sums = [_load(builder, target, lanes) for target in targets]
    loop, done = builder.append_basic_block("loop"), builder.append_basic_block("done")
    builder.cbranch(builder.icmp_signed("<", first, last), loop, done)

    builder.position_at_end(loop)
    k = builder.phi(_LONG)
    running = [builder.phi(total.type) for total in sums]
    scalars, vector = step(k)
    grown = [_multiply_add(builder, _broadcast(builder, x, lanes), vector, total) for x, total in zip(scalars, running)]
    following = builder.add(k, _LONG(1))
    k.add_incoming(first, before)
    k.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, last), loop, done)

    builder.position_at_end(done)
    results = [builder.phi(total.type) for total in sums]
    for old, now, new, result in zip(sums, running, grown, results):
        now.add_incoming(old, before)
        now.add_incoming(new, loop)
        result.add_incoming(old, before)
        result.add_incoming(new, loop)
    for target, result in zip(targets, results):
        stored = builder.store(result, builder.bitcast(target, result.type.as_pointer()))
        stored.align = 4  # rows may begin anywhere


def _data(context: Any, builder: Any, signature: Any, arguments: Sequence[Value], index: int) -> Pointer:
    return context.make_array(signature.args[index])(context, builder, arguments[index]).data


def _row(builder: Any, base: Pointer, indices: Pointer, at: Value, stride: Value) -> Pointer:
    index = builder.sext(builder.load(builder.gep(indices, [at])), _LONG)
    return builder.gep(base, [builder.mul(index, stride)])


def _load(builder: Any, at: Pointer, lanes: int) -> Value:
    loaded = builder.load(builder.bitcast(at, ir.VectorType(_FLOAT, lanes).as_pointer()))
    loaded.align = 4
    return loaded


def _broadcast(builder: Any, scalar: Value, lanes: int) -> Value:
    undefined = ir.Constant(ir.VectorType(_FLOAT, lanes), ir.Undefined)
    first = builder.insert_element(undefined, scalar, _INT(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_INT, lanes), [0] * lanes))


def _multiply_add(builder: Any, x: Value, y: Value, z: Value) -> Value:
    kind = ir.FunctionType(z.type, [z.type] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{z.type.count}f32")
    return builder.call(function, [x, y, z])
