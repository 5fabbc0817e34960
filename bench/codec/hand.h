/* SPDX-License-Identifier: MIT
 * Codecs written by hand for the five shapes: what generated code is measured against. They check
 * what it checks (bounds, branches, UTF-8) and fill the same structs. */
#ifndef STELE_BENCH_CODEC_HAND_H
#define STELE_BENCH_CODEC_HAND_H

#include <stele/buffer.h>

#include "event.h"
#include "nested.h"
#include "numbers.h"
#include "form.h"
#include "union.h"

/** Decode all of `data`; false if it is not such a value. Arrays lie in `arena`. */
typedef bool hand_decode(stele_bytes data, void *value, stele_arena *arena);

/** Append the encoding; false if the value does not fit its type. */
typedef bool hand_encode(const void *value, stele_buffer *out);

hand_decode hand_decode_event, hand_decode_numbers, hand_decode_strings, hand_decode_nested,
    hand_decode_union;
hand_encode hand_encode_event, hand_encode_numbers, hand_encode_strings, hand_encode_nested,
    hand_encode_union;

#endif
