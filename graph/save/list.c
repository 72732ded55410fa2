/* Lists of tensors and notes. */
#include "graph/save/list.h"
#include "lib/io/number.h"
#include "lib/io/safetensors_private.h"
#include "lib/memory.h"
#include "lib/status_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

char *tl_arena_vtext(tl_arena *a, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = n < 0 ? NULL : tl_arena_alloc(a, (int64_t)n + 1, 1);
    if (text)
        vsnprintf(text, (size_t)n + 1, format, args);
    return text;
}

char *tl_arena_text(tl_arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = tl_arena_vtext(a, format, args);
    va_end(args);
    return text;
}

/* Provides space for one more element of an array. Returns the array, NULL if memory is short. */
static void *provide(void *array, int32_t n, int32_t *capacity, size_t size)
{
    if (n < *capacity)
        return array;
    const int32_t larger = 2 * *capacity + 16;
    void *more = tl_alloc(larger, size);
    if (!more)
        return NULL;
    if (n > 0)
        memcpy(more, array, (size_t)n * size);
    tl_free(array);
    *capacity = larger;
    return more;
}

void tl_save_tensor(tl_save_list *l, tl_safetensors_type type, tl_shape shape, const void *data,
                    const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *name = tl_arena_vtext(&l->arena, format, args);
    va_end(args);
    int64_t *dim = tl_arena_alloc(&l->arena, shape.rank, sizeof *dim);
    tl_safetensor *tensor = provide(l->file.tensor, l->file.n, &l->capacity, sizeof *tensor);
    l->file.tensor = tensor ? tensor : l->file.tensor;
    if (!name || !dim || !tensor) {
        l->failed = true;
        return;
    }
    for (int32_t k = 0; k < shape.rank; k++)
        dim[k] = shape.dim[k];
    tensor[l->file.n++] = (tl_safetensor){
        .name = name,
        .type = type,
        .rank = shape.rank,
        .dim = dim,
        .size = tl_shape_size(shape),
        .data = (void *)data,
    };
}

static void add_note(tl_save_list *l, const char *value, const char *format, va_list args)
{
    const char *key = tl_arena_vtext(&l->arena, format, args),
               *copy = value ? tl_arena_text(&l->arena, "%s", value) : NULL;
    tl_safetensors_note *note = provide(l->file.note, l->file.n_notes, &l->note_capacity, sizeof *note);
    l->file.note = note ? note : l->file.note;
    if (!key || !copy || !note) {
        l->failed = true;
        return;
    }
    note[l->file.n_notes++] = (tl_safetensors_note){ key, copy };
}

void tl_save_text(tl_save_list *l, const char *value, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_note(l, value, format, args);
    va_end(args);
}

void tl_save_integer(tl_save_list *l, int64_t value, const char *format, ...)
{
    char text[TL_NUMBER_SIZE];
    va_list args;
    snprintf(text, sizeof text, "%" PRId64, value);
    va_start(args, format);
    add_note(l, text, format, args);
    va_end(args);
}

void tl_save_unsigned(tl_save_list *l, uint64_t value, const char *format, ...)
{
    char text[TL_NUMBER_SIZE];
    va_list args;
    snprintf(text, sizeof text, "%" PRIu64, value);
    va_start(args, format);
    add_note(l, text, format, args);
    va_end(args);
}

void tl_save_number(tl_save_list *l, double value, const char *format, ...)
{
    char text[TL_NUMBER_SIZE];
    va_list args;
    tl_print_double(text, value);
    va_start(args, format);
    add_note(l, text, format, args);
    va_end(args);
}

tl_status tl_save_list_write(const tl_save_list *l, const char *who, const char *path)
{
    return l->failed ? tl_fail_memory() : tl_safetensors_write_as(who, path, &l->file);
}

void tl_save_list_free(tl_save_list *l)
{
    tl_free(l->file.tensor);
    tl_free(l->file.note);
    tl_arena_free(&l->arena);
    *l = (tl_save_list){ 0 };
}
