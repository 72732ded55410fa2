/* An open safetensors file. */
#ifndef TL_SAFETENSORS_FILE_H
#define TL_SAFETENSORS_FILE_H

#include <jansson.h>

#include "safetensors.h"

struct tl_safetensors_file {
    const char *who;
    char *path;
    int fd;
    bool checked;
    int64_t size, data_at;
    char *header; /* NULL after the checks */
    int64_t header_size;
    json_t *root; /* owns all strings */
    int64_t *dims;
    tl_safetensor **by_name;
};

/* Records and returns TL_ERR_FORMAT: "WHO: PATH: " and then the text. */
tl_status tl_safetensors_bad(const struct tl_safetensors_file *f, const char *format, ...) TL_PRINTF(2, 3);

/* Reads n bytes at `at`: TL_ERR_IO, or TL_ERR_FORMAT if the file has fewer. */
tl_status tl_safetensors_read_at(const struct tl_safetensors_file *f, void *to, int64_t n, int64_t at);

/* Reads and checks the header, and fills in the tensors and notes. */
tl_status tl_safetensors_check_header(struct tl_safetensors_file *f, tl_safetensors *s);

#endif
