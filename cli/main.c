/* SPDX-License-Identifier: MIT
 * stele_main: finds the command in the table, parses its arguments, prints help, handles signals.
 * What a command does is in its own cmd_*.c. */
#include <stele/app.h>
#include <stele/version.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/stop.h"
#include "core/alloc.h"
#include "core/config.h"
#include "core/suggest.h"

/* The mutable globals of the tree: what the signal handlers may touch. */
static stele_stop stop_request;
static atomic_bool work_ended;
static stele_cli_signal stop_signal;

/* The first one asks for an orderly stop; the second one ends the process at once. */
static void on_signal(int number, siginfo_t *from, void *context)
{
    (void)context;
    if (atomic_exchange(&stop_request.asked, true)) _exit(128 + number);
    atomic_store(&stop_signal.sender, from->si_code <= 0 ? (int)from->si_pid : 0);
    atomic_store(&stop_signal.number, number);
    stele_stop_ask(&stop_request); /* who waits for it knows by then whose it is */
}

/* The same for a command that has a second for it. */
static void on_signal_soon(int number, siginfo_t *from, void *context)
{
    on_signal(number, from, context);
    alarm(1);
}

/* It hangs in a call that looks at no flag: a broker that is frozen, a pipe that no one reads. */
static void on_second_passed(int number)
{
    (void)number;
    if (atomic_load(&work_ended)) _exit(STELE_EXIT_DONE);
    static const char text[] = "\ninterrupted: it did not end in order within a second\n";
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    ssize_t ignored = poll(&out, 1, 0) == 1 ? write(STDERR_FILENO, text, sizeof text - 1) : 0;
    (void)ignored;
    _exit(STELE_EXIT_FAILED);
}

static void handle_signals(const stele_cli_command *command)
{
    stele_stop_init(&stop_request);
    struct sigaction action = {.sa_sigaction = command->drains ? on_signal : on_signal_soon,
                               .sa_flags = SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct sigaction late = {.sa_handler = on_second_passed};
    sigemptyset(&late.sa_mask);
    sigaction(SIGALRM, &late, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static const stele_option common_options[] = {
    {.name = "config",
     .letter = 'c',
     .kind = STELE_OPTION_TEXT,
     .value = "FILE",
     .help = "configuration, INI"},
    {.name = "override",
     .letter = 'o',
     .kind = STELE_OPTION_LIST,
     .value = "SECTION.KEY=VALUE",
     .help = "one configuration value; again and again"},
    {.name = "json", .kind = STELE_OPTION_FLAG, .help = "print one JSON object per line"},
    {.name = "timeout",
     .kind = STELE_OPTION_INT,
     .value = "SECONDS",
     .min = 1,
     .max = 86400,
     .help = "how long to wait for the broker and the registry (default: 30)"},
    {.name = "help", .letter = 'h', .kind = STELE_OPTION_FLAG, .help = "print this"},
    {0}};

/* How many words of argv name a command: 2, 1, or 0 if none does. */
static int find_command(int count, char *const *words, const stele_cli_command **out)
{
    for (int used = count < 2 ? count : 2; used > 0; used--) {
        for (const stele_cli_command *command = stele_commands; command->name != NULL; command++) {
            const char *space = strchr(command->name, ' ');
            size_t first = space != NULL ? (size_t)(space - command->name) : strlen(command->name);
            if ((space != NULL) != (used == 2)) continue;
            if (strlen(words[0]) != first || memcmp(words[0], command->name, first) != 0) continue;
            if (space != NULL && strcmp(words[1], space + 1) != 0) continue;
            *out = command;
            return used;
        }
    }
    return 0;
}

static void print_options(FILE *out, const stele_option *table)
{
    for (const stele_option *option = table; option != NULL && option->name != NULL; option++) {
        char left[64];
        snprintf(left, sizeof left, "%c%c%s--%s%s%s", option->letter != 0 ? '-' : ' ',
                 option->letter != 0 ? option->letter : ' ', option->letter != 0 ? ", " : "  ",
                 option->name, option->value != NULL ? " " : "",
                 option->value != NULL ? option->value : "");
        fprintf(out, "  %-32s %s\n", left, option->help);
    }
}

static void print_command_help(FILE *out, const char *program, const stele_cli_command *command)
{
    fprintf(out, "usage: %s %s%s%s [OPTION…]\n\n%s\n", program, command->name,
            command->operands[0] != '\0' ? " " : "", command->operands, command->summary);
    if (command->details != NULL) fprintf(out, "\n%s\n", command->details);
    fprintf(out, "\noptions:\n");
    print_options(out, command->options);
    print_options(out, common_options);
    if (command->configuration) {
        STELE_AUTO_VALUE(stele_buffer) keys = {0};
        stele_config_write_help(&keys);
        fprintf(out, "\nconfiguration, by -c FILE, environment or -o:\n%s",
                stele_buffer_text(&keys));
    }
    fprintf(out, "\nexample:\n  %s\n", command->example);
}

static void print_help(FILE *out, const char *program, const char *only)
{
    fprintf(out, "usage: %s COMMAND [OPTION…] [OPERAND…]\n\ncommands:\n", program);
    for (const stele_cli_command *command = stele_commands; command->name != NULL; command++) {
        if (only != NULL && strncmp(command->name, only, strlen(only)) != 0) continue;
        char left[80];
        snprintf(left, sizeof left, "%s %s", command->name, command->operands);
        fprintf(out, "  %-38s %s\n", left, command->summary);
    }
    fprintf(out,
            "\n%s COMMAND --help says more. Exit codes: 0 done, 1 failed, 2 usage, 3 a check found "
            "something.\n",
            program);
}

/* The word may be the first of several commands' names: "schema". */
static bool begins_command(const char *word)
{
    size_t size = strlen(word);
    for (const stele_cli_command *command = stele_commands; command->name != NULL; command++)
        if (strncmp(command->name, word, size) == 0 && command->name[size] == ' ') return true;
    return false;
}

static bool is_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* @param second  NULL: the first word begins no command */
static stele_exit fail_unknown(stele_cli *cli, const char *first, const char *second)
{
    if (first[0] == '-')
        return stele_cli_fail(cli, STELE_EXIT_USAGE,
                              "options come after the command: %s COMMAND %s", cli->app->name,
                              first);
    STELE_AUTO_VALUE(stele_buffer) typed = {0};
    stele_buffer_format(&typed, "%s%s%s", first, second != NULL ? " " : "",
                        second != NULL ? second : "");
    stele_suggestion suggestion = {.word = stele_buffer_view(&typed)};
    for (const stele_cli_command *command = stele_commands; command->name != NULL; command++)
        stele_suggestion_offer(&suggestion, command->name);
    if (suggestion.best != NULL)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "no command %s; did you mean %s?",
                              stele_buffer_text(&typed), suggestion.best);
    return stele_cli_fail(cli, STELE_EXIT_USAGE, "no command %s; see %s %s%s--help",
                          stele_buffer_text(&typed), cli->app->name, second != NULL ? first : "",
                          second != NULL ? " " : "");
}

/* What no command can do without: the options that it requires, and words that say something. */
static stele_exit check_words(stele_cli *cli, const stele_arguments *arguments)
{
    const stele_cli_command *command = cli->command;
    for (const stele_option *o = command->options; o != NULL && o->name != NULL; o++)
        if (o->required && stele_arguments_text(arguments, o->name, NULL) == NULL)
            return stele_cli_fail(cli, STELE_EXIT_USAGE, "%s: --%s %s is missing: %s",
                                  command->name, o->name, o->value, o->help);
    for (size_t i = 0; i < stele_arguments_count(arguments); i++)
        if (stele_arguments_operand(arguments, i)[0] == '\0')
            return stele_cli_fail(cli, STELE_EXIT_USAGE, "%s: expected %s, and not an empty word",
                                  command->name, command->operands);
    return STELE_EXIT_DONE;
}

static stele_exit run_command(stele_cli *cli, int count, char *const *words)
{
    stele_error err = {0};
    STELE_AUTO(stele_arguments) arguments = NULL;
    const stele_cli_command *command = cli->command;
    if (stele_arguments_parse(count, words, command->options, common_options, &arguments, &err) < 0)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "%s: %s", command->name, err.text);
    if (stele_arguments_flag(arguments, "help")) {
        print_command_help(cli->out, cli->app->name, command);
        return STELE_EXIT_DONE;
    }
    size_t operands = stele_arguments_count(arguments);
    if (operands < command->operand_min || operands > command->operand_max)
        return stele_cli_fail(cli, STELE_EXIT_USAGE, "%s: expected %s; see %s %s --help",
                              command->name,
                              command->operands[0] != '\0' ? command->operands : "no operands",
                              cli->app->name, command->name);
    if (check_words(cli, arguments) != STELE_EXIT_DONE) return STELE_EXIT_USAGE;
    cli->arguments = arguments;
    cli->json = stele_arguments_flag(arguments, "json");
    cli->timeout_ms = (int)stele_arguments_int(arguments, "timeout", 30) * 1000;
    stele_exit code = command->run(cli, arguments);
    stele_client_close(cli->client);
    cli->client = NULL;
    return code;
}

/* What was printed has to arrive. */
static stele_exit check_written(stele_cli *cli, stele_exit code)
{
    errno = 0;
    bool is_written = fflush(cli->out) == 0 && ferror(cli->out) == 0;
    if (is_written || code != STELE_EXIT_DONE) return code;
    if (errno == EPIPE) return STELE_EXIT_FAILED; /* who read it, as `head`, has had enough */
    return stele_cli_fail(cli, STELE_EXIT_FAILED, "standard output could not be written");
}

/* A stream that was closed before the start stays one that fails: the first file or connection
 * that is opened must not get its number, or what is printed would be written into it. */
static void keep_streams_apart(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

int stele_main(int argc, char **argv, const stele_app *app)
{
    keep_streams_apart();
    stele_cli cli = {.app = app,
                     .in = stdin,
                     .out = stdout,
                     .err = stderr,
                     .terminal = isatty(STDERR_FILENO) == 1,
                     .stop = &stop_request.asked,
                     .stop_run = &stop_request,
                     .signal = &stop_signal,
                     .ended = &work_ended};
    int count = argc > 0 ? argc - 1 : 0;
    char *const *words = argv + 1;
    if (count == 0) {
        print_help(cli.err, app->name, NULL);
        return STELE_EXIT_USAGE;
    }
    if (strcmp(words[0], "--version") == 0) {
        printf("%s (Stele %s)\n", app->name, STELE_VERSION);
        return check_written(&cli, STELE_EXIT_DONE);
    }
    bool help = strcmp(words[0], "help") == 0 || is_help(words[0]);
    if (help) count--, words++;
    int used = find_command(count, words, &cli.command);
    if (used == 0) {
        bool is_group = count > 0 && begins_command(words[0]);
        bool asked = help || (count > 1 && is_help(words[1]));
        if ((count > 0 && !is_group) || (count > 1 && !asked))
            return fail_unknown(&cli, words[0], is_group ? words[1] : NULL);
        print_help(asked ? cli.out : cli.err, app->name, count > 0 ? words[0] : NULL);
        return check_written(&cli, asked ? STELE_EXIT_DONE : STELE_EXIT_USAGE);
    }
    if (help) {
        print_command_help(cli.out, app->name, cli.command);
        return check_written(&cli, STELE_EXIT_DONE);
    }
    handle_signals(cli.command);
    stele_exit code = check_written(&cli, run_command(&cli, count - used, words + used));
    alarm(0); /* it has ended in order: what the libraries still free is no hang */
    return code;
}
