SILENT: set = set()
PAGE = None
def levels():
    import yaml; return {e["id"]:e["level"] for e in yaml.safe_load(open("models/virtio_model/data/requirements.yaml"))}
