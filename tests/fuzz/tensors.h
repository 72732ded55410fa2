/* Safetensors files for seeds, without the checksums that no mutation gets right. */
#ifndef TL_FUZZ_TENSORS_H
#define TL_FUZZ_TENSORS_H

#include "tests/fuzz/fuzz.h"

#include <inttypes.h>
#include <string.h>

/* Writes a header and the data after it. */
static inline bool tl_fuzz_put_tensors(const char *path, const char *header, const void *data, size_t n)
{
    static unsigned char file[1 << 16];
    const size_t length = strlen(header);
    FUZZ_CHECK(8 + length + n <= sizeof file);
    for (int k = 0; k < 8; k++)
        file[k] = (unsigned char)((uint64_t)length >> 8 * k);
    memcpy(file + 8, header, length);
    memcpy(file + 8 + length, data, n);
    return tl_fuzz_put(path, file, 8 + length + n);
}

/* Appends formatted text. */
#define FUZZ_APPEND(...) at += snprintf(header + at, sizeof header - (size_t)at, __VA_ARGS__)

/* Writes the file again without checksums. */
static inline void tl_fuzz_strip(const char *path)
{
    static char header[1 << 15], data[1 << 14];
    tl_safetensors s;
    int at = 0;
    int64_t bytes = 0;
    FUZZ_OK(tl_safetensors_read(path, &s));
    FUZZ_APPEND("{\"__metadata__\":{");
    for (int32_t k = 0; k < s.n_notes; k++) {
        FUZZ_APPEND("%s\"%s\":\"", k > 0 ? "," : "", s.note[k].key);
        for (const char *c = s.note[k].value; *c; c++)
            FUZZ_APPEND("%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
        FUZZ_APPEND("\"");
    }
    FUZZ_APPEND("}");
    for (int32_t k = 0; k < s.n; k++) {
        const tl_safetensor *t = &s.tensor[k];
        const int64_t n = t->size * tl_safetensors_type_size(t->type);
        FUZZ_CHECK(bytes + n <= (int64_t)sizeof data);
        memcpy(data + bytes, t->data, (size_t)n);
        FUZZ_APPEND(",\"%s\":{\"dtype\":\"%s\",\"shape\":[", t->name, tl_safetensors_type_name(t->type));
        for (int32_t i = 0; i < t->rank; i++)
            FUZZ_APPEND("%s%" PRId64, i > 0 ? "," : "", t->dim[i]);
        FUZZ_APPEND("],\"data_offsets\":[%" PRId64 ",%" PRId64 "]}", bytes, bytes + n);
        bytes += n;
    }
    FUZZ_APPEND("}");
    tl_safetensors_free(&s);
    tl_fuzz_put_tensors(path, header, data, (size_t)bytes);
}

#endif
