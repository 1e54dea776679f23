"""The results of tasks that concern an organization as a whole, or the installation."""

from pydantic import BaseModel, Field

from app.api.bodies.fields import example


class RetentionSubmittedResult(BaseModel):
    """The retention of each organization has its own task."""

    model_config = example({"organizations": 12})

    organizations: int = Field(description="The number of organizations.")


class RetentionResult(BaseModel):
    """What an organization keeps no longer was deleted."""

    model_config = example({"deleted": {"tasks": 1200, "events": 4800}})

    deleted: dict[str, int] = Field(description="The number of deleted rows by subject, such as `tasks` or `events`.")


class StorageSweptResult(BaseModel):
    """The files in storage were compared with the rows that name them."""

    model_config = example({"deleted": {"files": 3}, "files": 12_000, "rows_without_file": 0})

    deleted: dict[str, int] = Field(description="`files`: the number of files that no row named.")
    files: int = Field(description="The number of files in storage, those that were deleted included.")
    rows_without_file: int = Field(description="The number of documents whose file is missing.")


class ReportsSubmittedResult(BaseModel):
    """The reports that were due have their own tasks, and the statements of a month that is over were closed."""

    model_config = example({"reports": 12, "statements": 0})

    reports: int = Field(description="The number of reports.")
    statements: int = Field(description="The number of statements that were closed.")


class ReportResult(BaseModel):
    """A report was made."""

    model_config = example({"period": "2026-10", "mails": 2})

    period: str = Field(description="The month or the day.")
    mails: int = Field(description="The number of mails, each of which has its own task.")


class MailResult(BaseModel):
    """The mail server has accepted a mail."""

    model_config = example({"to": "finance@example.com"})

    to: str = Field(description="The recipient.")


class UsageSummedResult(BaseModel):
    """Records of usage were added to the sums by hour and by day, and the tasks of hours that are over were counted."""

    model_config = example({"records": 1284, "hours": 2})

    records: int = Field(description="The number of records that were added.")
    hours: int = Field(description="The number of hours whose tasks were counted.")


class DeliveryResult(BaseModel):
    """An event was sent to a webhook or a callback URL. The result is null if it was not needed any more."""

    model_config = example({"delivery_id": 4711, "status": 200, "attempts": 1})

    delivery_id: int = Field(description="The delivery.")
    status: int = Field(description="The HTTP status of the receiver's answer.")
    attempts: int = Field(description="The number of attempts that it took.")


class DeadLettersMailedResult(BaseModel):
    """The dead letters of an organization since the last mail were reported."""

    model_config = example({"dead_letters": 12, "mails": 2})

    dead_letters: int = Field(description="The number of dead letters.")
    mails: int = Field(description="The number of recipients, each of whose mails is a task.")
