/* SPDX-License-Identifier: MIT
 * The network between callers and instances, as HTTP would be: requests and answers take a while,
 * get lost, come twice and overtake each other. */
#include "simulation/bank.h"

#include <stdlib.h>

#include "core/alloc.h"
#include "core/monitor.h"

static struct {
    stele_monitor monitor;
    bool is_rung;
    sim_letter *letters; /* the next one to come first */
} boxes[SIM_BOXES];

void sim_open_boxes(void)
{
    for (int i = 0; i < SIM_BOXES; i++)
        stele_monitor_init(&boxes[i].monitor, world.runtime);
}

/* The process behind a box; callers are the world's. */
static int domain_of(int box)
{
    return box < SIM_INSTANCES ? SIM_FIRST_INSTANCE + box : STELE_WORLD;
}

static bool arrives(const sim_letter *letter)
{
    return sim_reaches(NULL, domain_of(letter->from)) && sim_reaches(NULL, domain_of(letter->to)) &&
           (letter->to >= SIM_INSTANCES ||
            stele_fibers_is_running(world.fibers, domain_of(letter->to))) &&
           !stele_stream_once_in(&world.faults, bank.lose_one_in);
}

static void deliver(const sim_letter *letter)
{
    if (!arrives(letter)) return;
    sim_letter *copy = stele_alloc(sizeof *copy);
    *copy = *letter;
    int64_t us = 1 + stele_stream_below(&world.faults, 1000 * bank.way_ms);
    copy->due_ns = stele_fibers_now_ns(world.fibers) + us * 1000;
    stele_monitor_lock(&boxes[copy->to].monitor);
    sim_letter **at = &boxes[copy->to].letters;
    while (*at != NULL && (*at)->due_ns <= copy->due_ns)
        at = &(*at)->next;
    copy->next = *at;
    *at = copy;
    stele_monitor_wake(&boxes[copy->to].monitor);
    stele_monitor_unlock(&boxes[copy->to].monitor);
}

void sim_post(const sim_letter *letter)
{
    deliver(letter);
    /* Without an id it would be another call. */
    if (letter->id[0] == '\0' || !stele_stream_once_in(&world.faults, bank.twice_one_in)) return;
    if (!letter->is_answer) bank.calls[letter->number].ways++;
    deliver(letter);
}

bool sim_take_letter(int box, int64_t until_ns, sim_letter *out)
{
    stele_clock clock = sim_clock();
    sim_letter *taken = NULL;
    stele_monitor_lock(&boxes[box].monitor);
    while (!boxes[box].is_rung) {
        int64_t now_ns = stele_fibers_now_ns(world.fibers);
        sim_letter *first = boxes[box].letters;
        if (first != NULL && first->due_ns <= now_ns) {
            taken = first;
            boxes[box].letters = first->next;
            break;
        }
        if (now_ns >= until_ns) break;
        bool is_sooner = first != NULL && first->due_ns < until_ns;
        stele_monitor_wait(&boxes[box].monitor,
                           (stele_deadline){clock, is_sooner ? first->due_ns : until_ns});
    }
    boxes[box].is_rung = false;
    stele_monitor_unlock(&boxes[box].monitor);
    if (taken == NULL) return false;
    *out = *taken;
    free(taken);
    return true;
}

void sim_ring(int box)
{
    stele_monitor_lock(&boxes[box].monitor);
    boxes[box].is_rung = true;
    stele_monitor_wake(&boxes[box].monitor);
    stele_monitor_unlock(&boxes[box].monitor);
}

void sim_empty_box(int box)
{
    stele_monitor_lock(&boxes[box].monitor);
    for (sim_letter *each; (each = boxes[box].letters) != NULL;) {
        boxes[box].letters = each->next;
        free(each);
    }
    stele_monitor_unlock(&boxes[box].monitor);
}
