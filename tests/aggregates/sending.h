/* SPDX-License-Identifier: MIT
 * Who sends commands to accounts by way of their topic, in an office, and looks what became of
 * them. */
#ifndef STELE_TESTS_AGGREGATES_SENDING_H
#define STELE_TESTS_AGGREGATES_SENDING_H

#include <stele/sender.h>

#include "office.h"
#include "post.h"

typedef struct sending {
    office *of;
    stele_client *client;
    stele_sender *sender;
    int64_t count; /* "c-0" and so on */
} sending;

/** Its instances take commands from then on. Ends with sending_end. */
sending sending_begin(office *of);
void sending_end(sending *self);

/** Send Booked of `cents`. @param command_id  NULL: the next one */
void sending_send(sending *self, const char *id, int64_t cents, int64_t expected,
                  const char *command_id);
/** What became of all that was sent so far. */
post sending_look(const sending *self);
/** Until so many are done or dead. */
post sending_await(const sending *self, int64_t count);

#endif
