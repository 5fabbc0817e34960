/* SPDX-License-Identifier: MIT
 * The inside of the log port: the operations that an implementation provides, in one table for
 * each noun. Included by implementations and by log.c, which forwards; everybody else includes
 * kafka/log.h. */
#ifndef STELE_KAFKA_LOG_PORT_H
#define STELE_KAFKA_LOG_PORT_H

#include "kafka/log.h"
#include "kafka/rounds.h"

/* A reader and the batches it hands out. */
typedef struct stele_reader_ops {
    stele_status (*open)(stele_log *, const stele_log_reader_options *, stele_log_reader **,
                         stele_error *);
    void (*close)(stele_log_reader *);
    stele_status (*start)(stele_log_reader *, stele_partition, int64_t, stele_error *);
    void (*stop)(stele_log_reader *, stele_partition);
    void (*hold)(stele_log_reader *, stele_partition, bool);
    void (*wake)(stele_log_reader *);
    stele_status (*next)(stele_log_reader *, int, stele_batch *, stele_error *);
    size_t (*batch_headers)(const stele_batch *, const stele_record *, stele_header *, size_t);
    void (*batch_release)(stele_batch *);
} stele_reader_ops;

/* A member and the groups it captures. */
typedef struct stele_member_ops {
    stele_status (*open)(stele_log *, const stele_log_member_options *, stele_log_member **,
                         stele_error *);
    void (*close)(stele_log_member *, int);
    stele_status (*poll)(stele_log_member *, int, stele_error *);
    void (*wakes)(stele_log_member *, stele_log_reader *);
    stele_status (*problem)(stele_log_member *, stele_error *);
    stele_status (*commit)(stele_log_member *, stele_partition, int64_t, stele_error *);
    stele_log_group *(*group)(stele_log_member *);
    void (*group_free)(stele_log_group *);
} stele_member_ops;

/* A producer's queue. */
typedef struct stele_producer_ops {
    stele_status (*open)(stele_log *, const stele_log_producer_options *, stele_log_producer **,
                         stele_error *);
    void (*close)(stele_log_producer *);
    void (*abandon)(stele_log_producer *);
    stele_status (*put)(stele_log_producer *, const stele_log_entry *, stele_error *);
    stele_status (*poll)(stele_log_producer *, int, stele_error *);
    stele_status (*flush)(stele_log_producer *, int, stele_error *);
} stele_producer_ops;

/* A producer's transactions. */
typedef struct stele_transaction_ops {
    stele_status (*init)(stele_log_producer *, const char *, int, stele_error *);
    stele_status (*begin)(stele_log_producer *, stele_error *);
    stele_status (*send_offset)(stele_log_producer *, const stele_log_group *, stele_partition,
                                int64_t, int, stele_error *);
    stele_status (*commit)(stele_log_producer *, int, stele_error *);
    stele_status (*abort)(stele_log_producer *, int, stele_error *);
} stele_transaction_ops;

/* A group, asked and set from outside. */
typedef struct stele_group_ops {
    /* One look at offsets: one that is not stable fails with STELE_E_CONFLICT at once. A failure
     * of the call is one of all partitions. */
    stele_status (*offsets)(stele_log *, const char *, stele_asked_partition *, size_t, int,
                            stele_error *);
    stele_status (*offset_set)(stele_log *, const char *, stele_partition, int64_t, int,
                               stele_error *);
    stele_status (*describe)(stele_log *, const char *, int,
                             void (*)(void *, const stele_log_group_member *), void *,
                             stele_error *);
    stele_status (*remove)(stele_log *, const char *, int, stele_error *);
} stele_group_ops;

/* A topic and its partitions. */
typedef struct stele_topic_ops {
    stele_status (*create)(stele_log *, const stele_log_topic_options *, int, stele_error *);
    stele_status (*remove)(stele_log *, const char *, int, stele_error *);
    stele_status (*describe)(stele_log *, const char *, int, stele_log_topic *, stele_error *);
    stele_status (*setting)(stele_log *, const char *, const char *, int, char **, stele_error *);
    stele_status (*list)(stele_log *, const char *, int, char ***, stele_error *);
    /* Of many partitions, `with_start` or only their ends. A failure of the call is one of all. */
    stele_status (*bounds)(stele_log *, stele_isolation, stele_asked_partition *, size_t,
                           bool with_start, int, stele_error *);
    stele_status (*offset_at)(stele_log *, stele_partition, int64_t, int, int64_t *, stele_error *);
} stele_topic_ops;

/* The log, and one table for each noun: an opened object takes its table from here, so that a copy
 * of the log's with another one in it stands between. */
typedef struct stele_log_ops {
    const stele_reader_ops *reader;
    const stele_member_ops *member;
    const stele_producer_ops *producer;
    const stele_transaction_ops *transaction;
    const stele_group_ops *group;
    const stele_topic_ops *topic;

    void (*free)(stele_log *log);
    bool (*is_up)(stele_log *log);
    stele_status (*last_problem)(stele_log *log, stele_error *err); /* NULL: there never is one */
} stele_log_ops;

/* Every object of an implementation begins with its ops, so that one call finds them. What a
 * batch's self points to begins with its reader's. */
struct stele_log {
    const stele_log_ops *ops;
    stele_runtime runtime;
    stele_rounds rounds; /* for what many threads ask at once (log_questions.c) */
};
struct stele_log_reader {
    const stele_reader_ops *ops;
};
struct stele_log_member {
    const stele_member_ops *ops;
};
struct stele_log_producer {
    const stele_producer_ops *ops;
    const stele_transaction_ops *transaction;
};
struct stele_log_group {
    const stele_member_ops *ops;
};

/** What member_problem says where the assignors differ. @return STELE_E_CONFLICT */
stele_status stele_log_fail_assignors(stele_error *err, const char *group);

/** What member_commit says of a partition that is another's. @return STELE_E_NOT_OWNER */
stele_status stele_log_fail_not_owner(stele_error *err, stele_partition partition);

/** What group_offset says of an offset that an open transaction holds. @return STELE_E_CONFLICT */
stele_status stele_log_fail_members(stele_error *err, const char *group);
stele_status stele_log_fail_no_group(stele_error *err, const char *group);
stele_status stele_log_fail_pending(stele_error *err, const char *group, stele_partition partition);

#endif
