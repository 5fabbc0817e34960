/* SPDX-License-Identifier: MIT
 * The list of brokers to begin with, as people write it. */
#ifndef STELE_KAFKA_BROKERS_H
#define STELE_KAFKA_BROKERS_H

#include <stele/buffer.h>
#include <stele/error.h>

/**
 * Check a bootstrap.servers: host:port, separated by commas. librdkafka takes what it cannot read
 * for another host or port, or drops it, and then waits for a broker that no one named.
 *
 * @param protocol  the client's security.protocol, which a part may repeat: "ssl://host:9093"
 * @param out       appended to: the list without blanks and protocols
 * @return STELE_E_INVALID  a part that cannot be a broker, named (next = STOP)
 */
stele_status stele_brokers_parse(const char *text, const char *protocol, stele_buffer *out,
                                 stele_error *err);

#endif
