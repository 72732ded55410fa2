/* A map from pointers to pointers: a hash table in an arena, gone with its reset. */
#ifndef TL_POINTER_MAP_H
#define TL_POINTER_MAP_H

#include "lib/arena.h"

typedef struct tl_pointer_pair {
    const void *key; /* NULL: a free place */
    void *value;
} tl_pointer_pair;

typedef struct tl_pointer_map {
    tl_pointer_pair *place;
    int64_t capacity; /* 0 or a power of two */
    int64_t n;        /* places in use: at most half */
} tl_pointer_map;     /* {0} is an empty map */

/* Returns the value of a key, NULL if there is none. */
void *tl_pointer_map_find(const tl_pointer_map *m, const void *key);

/* Removes all keys, and keeps the table for others. */
void tl_pointer_map_clear(tl_pointer_map *m);

/* Adds a key, not NULL, that is not in the map. The map's arena is the same in every call. False if memory is
 * short; the map is then as before. */
bool tl_pointer_map_add(tl_pointer_map *m, tl_arena *arena, const void *key, void *value);

#endif
