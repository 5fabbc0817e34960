/* SPDX-License-Identifier: MIT
 * Commands by way of a topic, for callers that want to be decoupled from the owners: a command is
 * put into "<aggregate>.commands", and the owner of its partition carries it out when it comes to
 * it. Nobody is answered: what is rejected, or cannot be read, is in "<aggregate>.commands.dead".
 *
 * The writers of the aggregate take commands from the topic, and make it, with `commands = topic`
 * in [aggregate NAME]. */
#ifndef STELE_SENDER_H
#define STELE_SENDER_H

#include <stele/writer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Of one aggregate; used by one thread at a time. */
typedef struct stele_sender stele_sender;

/**
 * Nothing is asked of the network yet.
 *
 * @param aggregate  one with commands; borrowed, must outlive the sender
 * @param out        caller owns; release with stele_sender_close before the client
 * @return STELE_E_INVALID  it takes no commands (next = STOP)
 */
STELE_API stele_status stele_sender_open(stele_client *client, const stele_aggregate *aggregate,
                                         stele_sender **out, stele_error *err);
STELE_API void stele_sender_close(stele_sender *sender);

/** Where a command is. */
typedef struct stele_sent {
    char topic[256];
    int32_t partition;
    int64_t offset;
    char command_id[129]; /* the one that was given, or made */
} stele_sent;

/**
 * Put a command into the topic and wait until it is stored. The first one of a type registers its
 * schema.
 *
 * @param call  of a command. Its expected version is compared when it is decided on
 *              (timeout_ms 0: 30,000)
 * @param sent  filled with the command's id in any case in which there is one, and offset -1 unless
 *              it is stored; or NULL
 * @return STELE_E_INVALID, STELE_E_LIMIT  the command does not fit (next = REJECT)
 *         STELE_E_NOT_FOUND  no such topic: no writer takes commands from it (next = STOP)
 *         STELE_E_CONFLICT  it has another partition count than the events (next = STOP)
 *         STELE_E_INCOMPATIBLE  the registry refused the schema (next = STOP)
 *         STELE_E_TIMED_OUT, STELE_E_UNAVAILABLE  whether it is stored is not known: the same call
 *                          again, with this command id, has one effect (next = RETRY)
 */
STELE_API stele_status stele_send(stele_sender *sender, const stele_call *call, stele_sent *sent,
                                  stele_error *err);

#ifdef __cplusplus
}
#endif

#endif
