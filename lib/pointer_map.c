/* A hash table of pointers: open addressing, linear probing, at most half full. */
#include "lib/pointer_map.h"

#include <string.h>

enum { FIRST_CAPACITY = 32 };

/* Returns the place of a key, or the free one where it belongs. The multiplier is 2^64 divided by the golden
 * ratio (Knuth, The Art of Computer Programming, section 6.4): the product's upper bits depend on all of the
 * address. */
static tl_pointer_pair *place_of(const tl_pointer_map *m, const void *key)
{
    const uint64_t hash = (uint64_t)(uintptr_t)key * 0x9E3779B97F4A7C15u >> 32,
                   mask = (uint64_t)m->capacity - 1;
    uint64_t k = hash & mask;
    while (m->place[k].key && m->place[k].key != key)
        k = (k + 1) & mask;
    return &m->place[k];
}

void *tl_pointer_map_find(const tl_pointer_map *m, const void *key)
{
    return m->capacity > 0 ? place_of(m, key)->value : NULL;
}

void tl_pointer_map_clear(tl_pointer_map *m)
{
    if (m->n > 0)
        memset(m->place, 0, (size_t)m->capacity * sizeof *m->place);
    m->n = 0;
}

/* Moves the map to a table of twice the size. */
static bool grow(tl_pointer_map *m, tl_arena *arena)
{
    tl_pointer_map larger = { .capacity = m->capacity > 0 ? 2 * m->capacity : FIRST_CAPACITY, .n = m->n };
    larger.place = tl_arena_alloc_zero(arena, larger.capacity, sizeof *larger.place);
    if (!larger.place)
        return false;
    for (int64_t k = 0; k < m->capacity; k++)
        if (m->place[k].key)
            *place_of(&larger, m->place[k].key) = m->place[k];
    *m = larger;
    return true;
}

bool tl_pointer_map_add(tl_pointer_map *m, tl_arena *arena, const void *key, void *value)
{
    if (2 * (m->n + 1) > m->capacity && !grow(m, arena))
        return false;
    *place_of(m, key) = (tl_pointer_pair){ key, value };
    m->n++;
    return true;
}
