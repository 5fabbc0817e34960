/* SPDX-License-Identifier: MIT
 * The simulation's program: seeds, each in a process of its own, so that one that aborts takes only
 * itself along. */
#include "simulation/world.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdarg.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "simulation/bugs.h"

sim_world world;

enum {
    LINES_KEPT = 60,
    LINE_SIZE = 200,
    JOBS_MAX = 64,
    JOBS_EACH = 4 /* for a processor: the others play while the oldest is waited for */
};

/* ---- what all may do ---- */

static char lines[LINES_KEPT][LINE_SIZE];
static size_t lines_said;

void sim_say(const char *format, ...)
{
    int64_t us = stele_fibers_now_ns(world.fibers) / 1000;
    char *line = lines[lines_said++ % LINES_KEPT];
    int size =
        snprintf(line, LINE_SIZE, "%4" PRId64 ".%06" PRId64 "  ", us / 1000000, us % 1000000);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + size, LINE_SIZE - (size_t)size, format, arguments);
    va_end(arguments);
    if (world.verbose) fprintf(stderr, "%s\n", line);
}

void sim_print_trace(FILE *out)
{
    size_t first = lines_said > LINES_KEPT ? lines_said - LINES_KEPT : 0;
    if (first > 0) fprintf(out, "    … %zu lines before\n", first);
    for (size_t i = first; i < lines_said; i++)
        fprintf(out, "    %s\n", lines[i % LINES_KEPT]);
}

void sim_sleep_ms(int64_t ms)
{
    stele_sleep_ms(world.runtime, ms);
}

stele_clock sim_clock(void)
{
    return stele_runtime_clock(world.runtime);
}

/* ---- one seed ---- */

/* What a child tells its parent of its seed. */
typedef struct verdict {
    uint64_t seed;
    uint64_t hash;
    uint64_t switches;
    uint64_t calls;
    uint64_t kills;
    uint64_t freezes;
    uint64_t cuts;
    int64_t virtual_ms;
    uint32_t profile;
    bool failed;
    char name[24];
    char text[300];
} verdict;

typedef struct settings {
    uint64_t seed;
    uint64_t rounds;
    const char *bug;
    bool verbose;
    bool twice;
    int jobs;
    bool stop_at_first;
} settings;

static int answers = -1; /* where a child writes its verdict */

static void answer(const verdict *of)
{
    ssize_t size = write(answers, of, sizeof *of);
    if (size != (ssize_t)sizeof *of) _exit(2);
}

static verdict look(void)
{
    stele_fibers_figures figures = stele_fibers_look(world.fibers);
    return (verdict){.seed = world.seed,
                     .hash = figures.hash,
                     .switches = figures.switches,
                     .calls = world.calls,
                     .kills = world.kills,
                     .freezes = world.freezes,
                     .cuts = world.cuts,
                     .virtual_ms = stele_fibers_now_ns(world.fibers) / 1000000,
                     .profile = world.profile};
}

void sim_fail(const char *name, const char *format, ...)
{
    verdict of = look();
    of.failed = true;
    snprintf(of.name, sizeof of.name, "%s", name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(of.text, sizeof of.text, format, arguments);
    va_end(arguments);
    sim_say("%s: %s", of.name, of.text);
    if (world.bug == NULL) {
        fprintf(stderr, "seed %" PRIu64 " (%s)\n", world.seed, sim_profile_name(world.profile));
        if (!world.verbose) sim_print_trace(stderr);
    }
    answer(&of);
    _exit(1);
}

static void play(const settings *of, uint64_t seed)
{
    world = (sim_world){.seed = seed, .bug = of->bug, .verbose = of->verbose};
    sim_plant(of->bug);
    sim_play();
    verdict told = look();
    answer(&told);
}

/* ---- many seeds ---- */

/* A child of the operating system with its seed. */
typedef struct child {
    pid_t pid;
    int from; /* its verdict */
    uint64_t seed;
} child;

typedef struct tally {
    uint64_t done;
    uint64_t failed;
    uint64_t switches;
    uint64_t calls;
    uint64_t kills;
    uint64_t freezes;
    uint64_t cuts;
    int64_t virtual_ms;
    uint64_t first_failed;
} tally;

static void start(const settings *of, child *made, uint64_t seed)
{
    int ends[2];
    if (pipe(ends) != 0) {
        perror("simulate: pipe");
        exit(2);
    }
    fflush(stdout);
    made->seed = seed;
    made->from = ends[0];
    made->pid = fork();
    if (made->pid != 0) {
        close(ends[1]);
        return;
    }
    close(ends[0]);
    answers = ends[1];
    play(of, seed);
    _exit(0);
}

static void print_failure(const settings *of, const verdict *told)
{
    printf("seed %" PRIu64 " FAILED %s: %s\n  again: make simulate SEED=%" PRIu64 "%s%s\n",
           told->seed, told->name, told->text, told->seed,
           of->bug == NULL ? "" : " BUG=", of->bug == NULL ? "" : of->bug);
}

/* @return did the seed pass? */
static bool finish(const settings *of, child *ended, tally *sum, verdict *out)
{
    verdict told = {.seed = ended->seed};
    ssize_t size = read(ended->from, &told, sizeof told);
    close(ended->from);
    int status;
    while (waitpid(ended->pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (size != (ssize_t)sizeof told) {
        told = (verdict){.seed = ended->seed, .failed = true, .name = "crash"};
        snprintf(told.text, sizeof told.text, "the process ended with signal %d, status %d",
                 WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                 WIFEXITED(status) ? WEXITSTATUS(status) : 0);
    }
    sum->done++;
    sum->switches += told.switches;
    sum->calls += told.calls;
    sum->kills += told.kills;
    sum->freezes += told.freezes;
    sum->cuts += told.cuts;
    sum->virtual_ms += told.virtual_ms;
    if (told.failed && (sum->failed++ == 0 || told.seed < sum->first_failed))
        sum->first_failed = told.seed;
    if (told.failed && of->bug == NULL) print_failure(of, &told);
    ended->pid = 0;
    if (out != NULL) *out = told;
    return !told.failed;
}

static bool same_twice(const settings *of, uint64_t seed, tally *sum)
{
    verdict seen[2];
    for (int i = 0; i < 2; i++) {
        child one;
        start(of, &one, seed);
        finish(of, &one, sum, &seen[i]);
    }
    if (seen[0].hash == seen[1].hash && seen[0].failed == seen[1].failed) return true;
    printf("seed %" PRIu64 " FAILED: two runs differ: %016" PRIx64 " and %016" PRIx64 "\n", seed,
           seen[0].hash, seen[1].hash);
    return false;
}

static bool run_twice(const settings *of, tally *sum)
{
    bool same = true;
    for (uint64_t i = 0; i < of->rounds; i++)
        same = same_twice(of, of->seed + i, sum) && same;
    return same && sum->failed == 0;
}

static bool run_all(const settings *of, tally *sum)
{
    child children[JOBS_MAX] = {{0}};
    uint64_t next = of->seed;
    uint64_t end = of->seed + of->rounds;
    int running = 0;
    do {
        bool stop = of->stop_at_first && sum->failed > 0;
        for (int i = 0; i < of->jobs && !stop; i++) {
            if (children[i].pid != 0 || next == end) continue;
            start(of, &children[i], next++);
            running++;
        }
        if (running == 0) break;
        child *oldest = NULL; /* in the order of their seeds, so that the output is, too */
        for (int i = 0; i < of->jobs; i++)
            if (children[i].pid != 0 && (oldest == NULL || children[i].seed < oldest->seed))
                oldest = &children[i];
        finish(of, oldest, sum, NULL);
        running--;
    } while (true);
    return sum->failed == 0;
}

/* ---- the planted bugs ---- */

static int compare_counts(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* How many seeds it takes, the median of some searches. */
static bool find_bug(const settings *of, const sim_bug *bug)
{
    enum { SEARCHES = 5, APART = 1000000, MEDIAN_MAX = 500 };
    uint64_t took[SEARCHES];
    for (uint64_t i = 0; i < SEARCHES; i++) {
        settings with = *of;
        tally sum = {0};
        with.seed += i * APART;
        with.rounds = 2 * MEDIAN_MAX;
        with.bug = bug->name;
        with.stop_at_first = true;
        run_all(&with, &sum);
        took[i] = sum.failed == 0 ? with.rounds : sum.first_failed - with.seed + 1;
    }
    qsort(took, SEARCHES, sizeof took[0], compare_counts);
    bool found = took[SEARCHES / 2] <= MEDIAN_MAX;
    printf("%-42s %s, median %" PRIu64 " seeds (%" PRIu64 " to %" PRIu64 "%s)\n", bug->name,
           found ? "found" : "NOT FOUND", took[SEARCHES / 2], took[0], took[SEARCHES - 1],
           took[SEARCHES - 1] == 2 * MEDIAN_MAX ? " or more" : "");
    fflush(stdout);
    return found;
}

static bool find_bugs(const settings *of)
{
    bool found = true;
    for (const sim_bug *bug = sim_bugs; bug->name != NULL; bug++)
        if (of->bug == NULL || strcmp(of->bug, bug->name) == 0) found = find_bug(of, bug) && found;
    return found;
}

/* ---- the command line ---- */

static int print_usage(FILE *out)
{
    fprintf(out,
            "usage: simulate [--seed N] [--rounds N] [--jobs N] [--bug NAME] [--bugs]\n"
            "                [--twice] [--verbose]\n\n"
            "  --seed N     the first seed; without it, one from the clock\n"
            "  --rounds N   so many seeds, one after the other; 1 if a seed is given, else 1000\n"
            "  --jobs N     at once; without it, four for each processor\n"
            "  --bug NAME   with this bug planted\n"
            "  --bugs       how many seeds each planted bug takes, or the one of --bug; more than\n"
            "               500 is a failure\n"
            "  --twice      each seed twice: both runs must be the same\n"
            "  --verbose    print who does what at which virtual time\n\n"
            "planted bugs:\n");
    for (const sim_bug *bug = sim_bugs; bug->name != NULL; bug++)
        fprintf(out, "  %-42s %s\n", bug->name, bug->about);
    return out == stdout ? 0 : 2;
}

static uint64_t number_of(const char *text)
{
    char *end;
    errno = 0;
    uint64_t value = strtoull(text == NULL ? "" : text, &end, 10);
    if (errno == 0 && end != text && text != NULL && *end == '\0') return value;
    fprintf(stderr, "simulate: %s is not a number\n", text == NULL ? "nothing" : text);
    exit(2);
}

static void print_sum(const settings *of, const tally *sum, double seconds)
{
    printf("%" PRIu64 " seeds from %" PRIu64 ": %" PRIu64 " failed; %.1f s, %.0f seeds a minute, "
           "%.0f virtual hours, %.1f million calls of the log\n",
           sum->done, of->seed, sum->failed, seconds, (double)sum->done * 60 / seconds,
           (double)sum->virtual_ms / 3.6e6, (double)sum->calls / 1e6);
    printf("processes: %" PRIu64 " killed, %" PRIu64 " asleep, %" PRIu64 " cut off\n", sum->kills,
           sum->freezes, sum->cuts);
}

/* A seed lives for ten milliseconds: it is to ask the operating system for memory once. */
static void grow_in_large_steps(void)
{
    mallopt(M_TOP_PAD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
}

int main(int argc, char **argv)
{
    settings of = {.jobs = JOBS_EACH * (int)sysconf(_SC_NPROCESSORS_ONLN)};
    bool bugs = false;
    bool has_seed = false;
    for (int i = 1; i < argc; i++) {
        const char *option = argv[i];
        bool takes_value = strcmp(option, "--seed") == 0 || strcmp(option, "--rounds") == 0 ||
                           strcmp(option, "--jobs") == 0 || strcmp(option, "--bug") == 0;
        const char *value = takes_value ? argv[++i] : NULL;
        if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0) return print_usage(stdout);
        if (strcmp(option, "--seed") == 0) {
            of.seed = number_of(value);
            has_seed = true;
        } else if (strcmp(option, "--rounds") == 0) {
            of.rounds = number_of(value);
        } else if (strcmp(option, "--jobs") == 0) {
            of.jobs = (int)number_of(value);
        } else if (strcmp(option, "--bug") == 0) {
            of.bug = value;
        } else if (strcmp(option, "--bugs") == 0) {
            bugs = true;
        } else if (strcmp(option, "--twice") == 0) {
            of.twice = true;
        } else if (strcmp(option, "--verbose") == 0) {
            of.verbose = true;
        } else {
            fprintf(stderr, "simulate: what is %s?\n", option);
            return print_usage(stderr);
        }
    }
    if (of.bug != NULL && !sim_has_bug(of.bug)) {
        fprintf(stderr, "simulate: there is no bug %s\n", of.bug);
        return print_usage(stderr);
    }
    if (of.rounds == 0) of.rounds = has_seed ? 1 : 1000;
    if (!has_seed) of.seed = (uint64_t)time(NULL) * 1000;
    if (of.jobs < 1 || of.jobs > JOBS_MAX) of.jobs = JOBS_EACH;
    grow_in_large_steps();
    if (bugs) return find_bugs(&of) ? 0 : 1;

    tally sum = {0};
    stele_clock clock = stele_clock_system();
    int64_t begun_ns = stele_clock_monotonic_ns(clock);
    bool passed = of.twice ? run_twice(&of, &sum) : run_all(&of, &sum);
    print_sum(&of, &sum, (double)(stele_clock_monotonic_ns(clock) - begun_ns) / 1e9);
    return passed ? 0 : 1;
}
