/* SPDX-License-Identifier: MIT
 * What the tests of the log on Kafka share. */
#include "kafka_test.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/alloc.h"
#include "core/clock.h"

extern char **environ;

stele_error err;

static char broker_name[32];
static char broker_address[64];

int64_t now_ms(void)
{
    return stele_clock_monotonic_ns(stele_clock_system()) / 1000000;
}

stele_log *open_log(const char *address)
{
    if (address == NULL) address = getenv("STELE_KAFKA");
    if (address == NULL) fail_msg("STELE_KAFKA is not set: scripts/test starts a broker");
    stele_log *log = NULL;
    stele_log_setting setting = {.name = "bootstrap.servers", .value = address};
    MUST(stele_log_kafka_new(&setting, 1, &log, &err));
    return log;
}

const char *fresh_name(const char *prefix)
{
    static char names[16][64];
    static unsigned count;
    char *name = names[count % COUNT_OF(names)];
    snprintf(name, sizeof names[0], "%s-%ld-%lld-%u", prefix, (long)getpid(),
             (long long)stele_clock_now_ms(stele_clock_system()), count);
    count++;
    return name;
}

const char *make_topic(stele_log *log, int32_t partitions)
{
    const char *name = fresh_name("topic");
    stele_log_topic_options options = {.name = name, .partitions = partitions};
    MUST(stele_log_topic_create(log, &options, PATIENCE_MS, &err));
    return name;
}

stele_log_producer *open_producer(stele_log *log, const char *transactional_id, const char *topic)
{
    stele_log_producer *producer = NULL;
    stele_log_producer_options options = {.transactional_id = transactional_id};
    MUST(stele_log_producer_open(log, &options, &producer, &err));
    /* A broker may not know yet of a topic that was made a moment ago: RETRY. */
    stele_status status;
    int64_t until_ms = now_ms() + PATIENCE_MS;
    do {
        status = stele_log_producer_init(producer, topic, PATIENCE_MS, &err);
    } while (status < 0 && err.next == STELE_NEXT_RETRY && now_ms() < until_ms);
    MUST(status);
    return producer;
}

void put_text(stele_log_producer *producer, const char *topic, const char *text)
{
    stele_log_entry entry = {
        .partition = {topic, 0}, .key = stele_text(text), .value = stele_text(text)};
    MUST(stele_log_producer_put(producer, &entry, &err));
}

void append(stele_log_producer *producer, const char *topic, const char *text)
{
    MUST(stele_log_producer_begin(producer, &err));
    put_text(producer, topic, text);
    MUST(stele_log_producer_commit(producer, PATIENCE_MS, &err));
}

static void count_assigned(void *context, const stele_partition *partitions, size_t count)
{
    (void)partitions;
    ((counted *)context)->owned += count;
}

static void count_revoked(void *context, const stele_partition *partitions, size_t count, bool lost)
{
    (void)partitions;
    ((counted *)context)->owned -= count;
    ((counted *)context)->lost = lost;
}

void join_counted(stele_log *log, counted *it, const char *topic)
{
    const char *const topics[] = {topic, NULL};
    stele_log_member_options options = {
        .group = "group",
        .topics = topics,
        .events = {.assigned = count_assigned, .revoked = count_revoked, .context = it}};
    *it = (counted){0};
    MUST(stele_log_member_open(log, &options, &it->member, &err));
    MUST(stele_log_member_poll(it->member, 0, &err));
}

char *read_texts(stele_log *log, const char *topic, stele_isolation isolation)
{
    stele_buffer texts = {0};
    stele_log_reader *reader = NULL;
    stele_log_reader_options options = {.isolation = isolation};
    MUST(stele_log_reader_open(log, &options, &reader, &err));
    MUST(stele_log_reader_start(reader, (stele_partition){topic, 0}, 0, &err));
    for (bool at_end = false; !at_end;) {
        stele_batch batch = {0};
        MUST(stele_log_reader_next(reader, PATIENCE_MS, &batch, &err));
        if (batch.status != STELE_OK) fail_msg("%s", batch.error.text);
        for (size_t i = 0; i < batch.count; i++) {
            stele_buffer_append(&texts, batch.records[i].value);
            stele_buffer_push(&texts, ',');
        }
        at_end = batch.at_end;
        stele_log_batch_release(&batch);
    }
    stele_log_reader_close(reader);
    char *result = stele_strdup(stele_buffer_text(&texts));
    stele_buffer_clear(&texts);
    return result;
}

/* Run scripts/kafka with a command and at most one option behind it, and give back the first line
 * that it prints, in `answer` if that is not NULL. @return did it succeed? */
static bool run_script(const char *command, const char *option, char *answer, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);

    pid_t child;
    STELE_AUTO(char) first = stele_strdup(command);
    STELE_AUTO(char) last = stele_strdup(option);
    char *const arguments[] = {
        (char[]){"scripts/kafka"}, first, (char[]){"--name"}, broker_name, last, NULL};
    assert_int_equal(posix_spawn(&child, arguments[0], &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);

    char line[64] = "";
    size_t filled = 0;
    ssize_t got;
    while (filled < sizeof line - 1 &&
           (got = read(ends[0], line + filled, sizeof line - 1 - filled)) > 0)
        filled += (size_t)got;
    close(ends[0]);
    line[strcspn(line, "\n")] = '\0';
    if (answer != NULL) snprintf(answer, size, "%s", line);

    int code;
    assert_int_equal(waitpid(child, &code, 0), child);
    return WIFEXITED(code) && WEXITSTATUS(code) == 0;
}

const char *start_broker(void)
{
    snprintf(broker_name, sizeof broker_name, "test-%ld", (long)getpid());
    assert_true(run_script("start", NULL, broker_address, sizeof broker_address));
    return broker_address;
}

void stop_broker(void)
{
    assert_true(run_script("stop", NULL, NULL, 0));
}

void broker(const char *command, const char *option)
{
    assert_true(run_script(command, option, NULL, 0));
}

void revive_broker(void)
{
    run_script("resume", NULL, NULL, 0); /* says no where it was killed */
    broker("start", NULL);
}

char *broker_file(const char *topic, const char *name)
{
    return stele_strdup_format(".kafka/run/%s/data/%s-0/%s", broker_name, topic, name);
}
