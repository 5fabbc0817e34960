/* SPDX-License-Identifier: MIT
 * Stacks of fibers, and the switch from one to another: a few instructions on x86-64, ucontext
 * elsewhere. AddressSanitizer is told of each switch. */
#ifndef STELE_TESTING_STACK_SWITCH_H
#define STELE_TESTING_STACK_SWITCH_H

#include <stdbool.h>
#include <stddef.h>

#if !defined(__x86_64__) || defined(__CET__) && (__CET__ & 2)
#include <ucontext.h>
#define STELE_STACK_UCONTEXT 1
#endif

/** All zero: a real thread's own stack, or one that is not made yet. */
typedef struct stele_stack {
    char *memory;
#ifdef STELE_STACK_UCONTEXT
    ucontext_t context;
#else
    void *pointer;
#endif
    void *fake; /* AddressSanitizer's */
    const void *bottom;
    size_t size;
} stele_stack;

/** Let the next switch to it call run(context), which does not return. */
void stele_stack_begin(stele_stack *stack, void (*run)(void *context), void *context);

/** Go from one to another; comes back when someone goes to `from`. @param ended  it never does */
void stele_stack_switch(stele_stack *from, stele_stack *to, bool ended);

/** The first thing to be done on a stack that was switched to. @param from  where it came from */
void stele_stack_arrived(stele_stack *stack, stele_stack *from);

/** No one runs on it any more: it can be used again. */
void stele_stack_release(stele_stack *stack);
void stele_stack_free(stele_stack *stack);

#endif
