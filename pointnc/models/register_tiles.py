"""Matrix products of gathered rows with the sums in registers: the innermost loops, written in LLVM for numba.

numba turns a loop over a small block of sums into loads and stores of every sum at every step; a block of 6 x 16 sums
that stays in vector registers is four times as fast. LLVM lowers the 8-wide vectors to what the machine has (AVX,
AVX-512, NEON), and ``fmuladd`` to a fused instruction where there is one.

numba's cache does not see this file: who changes it must delete the caches of the loops that use it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_LANES = 8
_FLOAT, _INT, _LONG = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_VECTOR = ir.VectorType(_FLOAT, _LANES)

Pointer = Any
Value = Any
Step = Callable[[Value], tuple[Sequence[Value], Sequence[Value]]]


def make_multiply_rows(rows: int, vectors: int) -> Any:
    """Return ``f(a, inputs, start, lda, b, b_start, depth, c, outputs, ldc, column)`` for compiled loops.

    For ``i < rows``: ``c[outputs[start + i], column : column + 8 vectors] += a[inputs[start + i], :depth] @ B`` with
    B the (depth, 8 vectors) panel at ``b[b_start]``. All arrays are float32 and contiguous, the indices int32.
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
                row = builder.gep(panel, [builder.mul(k, _LONG(_LANES * vectors))])
                loaded = [_load(builder, row, j) for j in range(vectors)]
                return [builder.load(builder.gep(source, [k])) for source in sources], loaded

            _accumulate(builder, targets, vectors, _LONG(0), depth, step)
            return context.get_dummy_value()

        return signature, generate

    return multiply_rows


def make_outer_rows(rows: int, vectors: int) -> Any:
    """Return ``f(g, outputs, start, stop, ldg, g_column, a, inputs, lda, a_column, c, c_start, ldc)``.

    For ``i < rows`` and ``j < 8 vectors``: ``c[c_start + i ldc + j]`` grows by the sum over p in start..stop of
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
                loaded = [_load(builder, right, j) for j in range(vectors)]
                return [builder.load(builder.gep(left, [_LONG(i)])) for i in range(rows)], loaded

            _accumulate(builder, targets, vectors, start, stop, step)
            return context.get_dummy_value()

        return signature, generate

    return outer_rows


def _accumulate(builder: Any, targets: Sequence[Pointer], vectors: int, first: Value, last: Value, step: Step) -> None:
    """Add the outer products of ``step(k)`` = (a scalar for each target, vectors) for first <= k < last."""
    before = builder.block
    sums = [[_load(builder, target, j) for j in range(vectors)] for target in targets]
    loop, done = builder.append_basic_block("loop"), builder.append_basic_block("done")
    builder.cbranch(builder.icmp_signed("<", first, last), loop, done)

    builder.position_at_end(loop)
    k = builder.phi(_LONG)
    running = [[builder.phi(_VECTOR) for _ in row] for row in sums]
    scalars, loaded = step(k)
    grown = []
    for scalar, row in zip(scalars, running):
        factor = _broadcast(builder, scalar)
        grown.append([_multiply_add(builder, factor, vector, total) for vector, total in zip(loaded, row)])
    following = builder.add(k, _LONG(1))
    k.add_incoming(first, before)
    k.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", following, last), loop, done)

    builder.position_at_end(done)
    results = [[builder.phi(_VECTOR) for _ in row] for row in sums]
    for old, now, new, result in zip(sums, running, grown, results):
        for j in range(vectors):
            now[j].add_incoming(old[j], before)
            now[j].add_incoming(new[j], loop)
            result[j].add_incoming(old[j], before)
            result[j].add_incoming(new[j], loop)
    for target, result in zip(targets, results):
        for j in range(vectors):
            _store(builder, result[j], target, j)


def _data(context: Any, builder: Any, signature: Any, arguments: Sequence[Value], index: int) -> Pointer:
    return context.make_array(signature.args[index])(context, builder, arguments[index]).data


def _row(builder: Any, base: Pointer, indices: Pointer, at: Value, stride: Value) -> Pointer:
    index = builder.sext(builder.load(builder.gep(indices, [at])), _LONG)
    return builder.gep(base, [builder.mul(index, stride)])


def _load(builder: Any, row: Pointer, vector: int) -> Value:
    loaded = builder.load(builder.bitcast(builder.gep(row, [_LONG(_LANES * vector)]), _VECTOR.as_pointer()))
    loaded.align = 4  # rows may begin anywhere
    return loaded


def _store(builder: Any, value: Value, row: Pointer, vector: int) -> None:
    stored = builder.store(value, builder.bitcast(builder.gep(row, [_LONG(_LANES * vector)]), _VECTOR.as_pointer()))
    stored.align = 4


def _broadcast(builder: Any, scalar: Value) -> Value:
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, scalar, _INT(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_INT, _LANES), [0] * _LANES))


def _multiply_add(builder: Any, x: Value, y: Value, z: Value) -> Value:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{_LANES}f32")
    return builder.call(function, [x, y, z])
