/* SPDX-License-Identifier: MIT
 * Deadlines on the monotonic clock. */
#include "core/deadline.h"

enum { NS_PER_MS = 1000000 };

stele_deadline stele_deadline_after(stele_clock clock, int64_t timeout_ms)
{
    int64_t now_ns = stele_clock_monotonic_ns(clock);
    bool never = timeout_ms < 0 || timeout_ms > (INT64_MAX - now_ns) / NS_PER_MS;
    return (stele_deadline){.clock = clock,
                            .end_ns = never ? INT64_MAX : now_ns + timeout_ms * NS_PER_MS};
}

bool stele_deadline_passed(stele_deadline deadline)
{
    return stele_deadline_remaining_ms(deadline, 1) == 0;
}

int stele_deadline_remaining_ms(stele_deadline deadline, int most_ms)
{
    if (deadline.end_ns == INT64_MAX) return most_ms;

    int64_t left_ns = deadline.end_ns - stele_clock_monotonic_ns(deadline.clock);
    if (left_ns <= 0) return 0;
    int64_t left_ms = (left_ns - 1) / NS_PER_MS + 1;
    return left_ms < most_ms ? (int)left_ms : most_ms;
}
