/* SPDX-License-Identifier: MIT
 * The listings of docs/writer.md are compiled; tests/aggregates/test_writer_kafka.c makes the same
 * calls. */
#include <stele/stele.h>

#include <inttypes.h>
#include <stdio.h>

#include "account.h"
#include "deposited.h"
#include "withdraw.h"
#include "withdrawn.h"

static const stele_aggregate account = {.name = "account"};

#include "writer.inc"

int main(void)
{
    (void)pay_interest;
    (void)send_withdrawal;
    stele_client *client;
    stele_error err;
    if (stele_client_open(NULL, &client, &err) < 0) return 1;
    /* A table without a state is refused before anything is asked of a broker. */
    stele_status status = serve(client, &err);
    stele_client_close(client);
    return status == STELE_E_INVALID ? 0 : 1;
}
