/* A context whose allocator refuses on purpose, and that counts what is alive. */
#ifndef CLADE_TESTS_SHORT_MEMORY_H
#define CLADE_TESTS_SHORT_MEMORY_H

#include "clade/context.h"

#include <stdbool.h>

typedef struct short_memory {
    long refuse_at; /* the Nth allocation from now is refused, and only it; 0: none */
    bool refused;
    size_t largest; /* bytes asked for at once */
    long alive;
} short_memory;

/* Not for several threads. */
clade_context *short_memory_context(short_memory *memory);

#endif
