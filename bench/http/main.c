/* SPDX-License-Identifier: MIT
 * Callers of the bank over HTTP, in a closed loop: each connection has one command under way, and
 * sends the next one when it is answered. First each of them opens its accounts. Prints commands
 * per second and their latency; bench/http/run adds who used the processors.
 *
 * usage: bench-http PORT CONNECTIONS SECONDS */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ACCOUNTS = 1000, SAMPLES_MAX = 1 << 20, EVENTS = 256, REPLY_MAX = 4096 };

#define WARM_UP_S 1.0

typedef struct caller {
    int fd;
    int account;
    int opens; /* accounts that are not open yet */
    double begun;
    size_t size; /* of the reply so far */
    char reply[REPLY_MAX];
} caller;

static float latencies_ms[SAMPLES_MAX];
static size_t samples;
static long answered;
static double begin, end; /* of the measurement */

_Noreturn static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench-http: %s: %s\n", what, why);
    exit(1);
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void send_next(caller *by, int connections)
{
    char request[512];
    const char *command = by->opens > 0 ? "CreateAccount" : "DepositMoney";
    const char *body = by->opens > 0 ? "{\"owner\":\"Ada\"}" : "{\"amount_cents\":1}";
    by->account = (by->account + connections) % ACCOUNTS;
    int size = snprintf(request, sizeof request,
                        "POST /aggregates/account/a-%06d/commands/%s HTTP/1.1\r\n"
                        "Host: localhost\r\nContent-Type: application/json\r\n"
                        "Content-Length: %zu\r\n\r\n%s",
                        by->account, command, strlen(body), body);
    by->size = 0;
    by->begun = now();
    if (send(by->fd, request, (size_t)size, MSG_NOSIGNAL) != size) die("send", strerror(errno));
}

static bool is_whole(caller *by)
{
    by->reply[by->size] = '\0';
    const char *body = strstr(by->reply, "\r\n\r\n");
    const char *length = strstr(by->reply, "Content-Length: ");
    if (body == NULL || length == NULL) return false;
    return by->size >= (size_t)(body + 4 - by->reply) + strtoul(length + 16, NULL, 10);
}

static void take_answer(caller *by)
{
    double at = now();
    bool is_done = strncmp(by->reply, "HTTP/1.1 200", 12) == 0;
    bool was_open = by->opens > 0 && strncmp(by->reply, "HTTP/1.1 422", 12) == 0;
    if (!is_done && !was_open) die("reply", by->reply);
    if (by->opens > 0) by->opens--;
    if (by->begun < begin || at >= end) return;
    answered++;
    if (samples < SAMPLES_MAX) latencies_ms[samples++] = (float)((at - by->begun) * 1e3);
}

/* @return true: it may send the next one */
static bool receive(caller *by)
{
    ssize_t size = recv(by->fd, by->reply + by->size, REPLY_MAX - 1 - by->size, 0);
    if (size <= 0) die("recv", size == 0 ? "closed" : strerror(errno));
    by->size += (size_t)size;
    if (!is_whole(by)) return false;
    take_answer(by);
    return true;
}

static void dial(caller *by, in_port_t port)
{
    int yes = 1;
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    by->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(by->fd, (const struct sockaddr *)&to, sizeof to) != 0)
        die("connect", strerror(errno));
    setsockopt(by->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

/* Until none of them opens accounts, or until the time is over. */
static void run(caller *callers, int count, int epoll, bool opens)
{
    struct epoll_event events[EVENTS];
    int under_way = count;
    for (int i = 0; i < count; i++)
        send_next(&callers[i], count);
    while (under_way > 0) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            caller *by = events[i].data.ptr;
            if (!receive(by)) continue;
            bool goes_on = opens ? by->opens > 0 : now() < end;
            if (goes_on)
                send_next(by, count);
            else
                under_way--;
        }
    }
}

static int compare(const void *a, const void *b)
{
    float one = *(const float *)a;
    float other = *(const float *)b;
    return (one > other) - (one < other);
}

static double cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int main(int argc, char **argv)
{
    if (argc != 4) die("usage", "bench-http PORT CONNECTIONS SECONDS");
    int count = (int)strtol(argv[2], NULL, 10);
    double seconds = strtod(argv[3], NULL);
    caller *callers = calloc((size_t)count, sizeof *callers);
    int epoll = epoll_create1(0);
    for (int i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &callers[i]};
        callers[i].account = i;
        callers[i].opens = ACCOUNTS / count + 1;
        dial(&callers[i], (in_port_t)strtol(argv[1], NULL, 10));
        epoll_ctl(epoll, EPOLL_CTL_ADD, callers[i].fd, &event);
    }
    run(callers, count, epoll, true);
    printf("open\n"); /* bench/http/run reads the clocks of the others between this and the end */
    fflush(stdout);
    double cpu = cpu_us();
    begin = now() + WARM_UP_S;
    end = begin + seconds;
    run(callers, count, epoll, false);
    if (samples == 0) die("result", "nothing was answered");
    cpu = (cpu_us() - cpu) * seconds / (seconds + WARM_UP_S);
    qsort(latencies_ms, samples, sizeof(float), compare);
    printf("%d %.0f %.2f %.2f %.1f\n", count, (double)answered / seconds,
           (double)latencies_ms[samples / 2], (double)latencies_ms[samples * 99 / 100],
           cpu / (double)answered);
    return 0;
}
