"""When a connection is read from."""

from uvicorn.protocols.http.flow_control import FlowControl


class Flow(FlowControl):
    """uvicorn's, whose reading can be held whatever a request would like."""

    is_held = False

    def hold(self, is_held: bool) -> None:
        if is_held == self.is_held:
            return
        self.is_held = is_held
        if is_held:
            self._transport.pause_reading()
        elif not self.read_paused:
            self._transport.resume_reading()

    def resume_reading(self) -> None:
        if self.is_held:
            self.read_paused = False
        else:
            super().resume_reading()
