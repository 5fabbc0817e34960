/* SPDX-License-Identifier: MIT
 * The `kafka:` registry on a real broker: the contract, and eight processes that write at once. */
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/alloc.h"
#include "registry_cases.h"
#include "tests/kafka/kafka_test.h"

enum { PROCESSES = 8, SCHEMAS_EACH = 25, DUMP_MAX = 1 << 20 };

extern char **environ;

static stele_registry *open_on(void *log)
{
    stele_registry *registry;
    stele_registry_options options = {.log = log, .timeout_ms = REGISTRY_WAIT_MS};
    MUST(stele_registry_open(&options, &registry, &err));
    return registry;
}

/* ---- one of eight processes ---- */

static int write_as_process(const char *prefix, unsigned number)
{
    stele_log *log = open_log(NULL);
    stele_registry *registry = open_on(log);
    unsigned taken;
    registry_write_conflicting(registry, prefix, number, SCHEMAS_EACH, &taken);
    printf("%u\n", taken);
    fflush(stdout);
    if (getchar() == EOF) return 1; /* until all of them are done */
    STELE_AUTO(char) dump = registry_dump(registry, prefix);
    fputs(dump, stdout);
    stele_registry_close(registry);
    stele_log_free(log);
    return 0;
}

typedef struct process {
    pid_t pid;
    FILE *to;
    FILE *from;
} process;

static process started(const char *prefix, unsigned number)
{
    process child;
    int to[2];
    int from[2];
    char index[8];
    assert_int_equal(pipe(to), 0);
    assert_int_equal(pipe(from), 0);
    snprintf(index, sizeof index, "%u", number);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    const int ends[] = {to[0], to[1], from[0], from[1]};
    for (size_t i = 0; i < COUNT_OF(ends); i++)
        posix_spawn_file_actions_addclose(&actions, ends[i]);
    STELE_AUTO(char) own_prefix = stele_strdup(prefix);
    char *const arguments[] = {(char[]){"writer"}, own_prefix, index, NULL};
    assert_int_equal(posix_spawn(&child.pid, "/proc/self/exe", &actions, NULL, arguments, environ),
                     0);
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    child.to = fdopen(to[1], "w");
    child.from = fdopen(from[0], "r");
    return child;
}

static void eight_processes_that_write_at_once_end_with_one_catalog(void **state)
{
    (void)state;
    STELE_AUTO(char) prefix = registry_new_subject("processes");
    STELE_AUTO(char) dump = stele_alloc(DUMP_MAX);
    process children[PROCESSES];
    unsigned taken = 0;
    for (unsigned i = 0; i < PROCESSES; i++)
        children[i] = started(prefix, i);
    for (unsigned i = 0; i < PROCESSES; i++) {
        char line[16];
        assert_non_null(fgets(line, sizeof line, children[i].from));
        taken += (unsigned)strtoul(line, NULL, 10);
    }
    for (unsigned i = 0; i < PROCESSES; i++) {
        fputc('\n', children[i].to);
        fclose(children[i].to);
    }

    stele_log *log = open_log(NULL);
    stele_registry *later = open_on(log);
    STELE_AUTO(char) expected = registry_dump(later, prefix);
    unsigned versions = 0;
    for (const char *at = expected; (at = strchr(at, '\n')) != NULL; at++)
        versions++;
    assert_int_equal(versions, taken);
    assert_true(taken >= 5);
    for (unsigned i = 0; i < PROCESSES; i++) {
        int code;
        size_t size = fread(dump, 1, DUMP_MAX - 1, children[i].from);
        dump[size] = '\0';
        assert_string_equal(dump, expected);
        fclose(children[i].from);
        assert_int_equal(waitpid(children[i].pid, &code, 0), children[i].pid);
        assert_int_equal(code, 0);
    }
    stele_registry_close(later);
    stele_log_free(log);
}

int main(int argc, char **argv)
{
    if (argc == 3) return write_as_process(argv[1], (unsigned)strtoul(argv[2], NULL, 10));

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_processes_that_write_at_once_end_with_one_catalog)};
    int failed = cmocka_run_group_tests_name("registry/kafka, processes", tests, NULL, NULL);
    stele_log *log = open_log(NULL);
    registry_fixture fixture = {.open = open_on, .context = log};
    failed += registry_cases_run("registry/kafka on a broker, contract", &fixture);
    stele_log_free(log);
    return failed;
}
