/* SPDX-License-Identifier: MIT
 * The aggregates, their projection and the reactions, for the program and for its tests. */
#ifndef BANK_H
#define BANK_H

#include <stele/stele.h>

#include <string.h>

extern const stele_aggregate account;
extern const stele_aggregate transfer;
extern const stele_projection balances;
extern const stele_reactions transfers;

/** Can an account or a transfer have this id? Asked before anything is sent there. */
static inline bool is_bank_id(stele_bytes id)
{
    return id.size > 0 && id.size <= 200 && (id.size < 6 || memcmp(id.data, "stele:", 6) != 0);
}

#endif
